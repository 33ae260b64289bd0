"""The API's description of itself, and the page that shows it."""

import re

import pytest
import yaml
from django.conf import settings
from django.contrib.staticfiles import finders
from django.core.management import call_command

from tests.factories.api import client_of, refusal

pytestmark = pytest.mark.django_db


@pytest.mark.slow
def test_schema_is_valid_and_says_all_there_is_to_say(tmp_path):
    target = tmp_path / "schema.yml"

    call_command("spectacular", "--validate", "--fail-on-warn", "--file", str(target))

    schema = yaml.safe_load(target.read_text())
    assert schema["openapi"].startswith("3.1")
    assert schema["components"]["securitySchemes"]["bearerToken"] == {
        "type": "http",
        "scheme": "bearer",
    }
    assert {"/api/v1/oncall/", "/api/v1/incidents/{reference}/declare/"} <= schema["paths"].keys()


@pytest.mark.slow
@pytest.mark.parametrize("slash", ["", "/"])
def test_schema_is_given_to_machines_with_a_token(slash, user_with):
    response = client_of(user_with()).get(f"/api/schema{slash}", headers={"Accept": "*/*"})

    assert response.status_code == 200
    assert yaml.safe_load(response.content)["info"]["title"] == "Muster API"


def test_schema_is_for_those_who_are_logged_in(client):
    answer = client.get("/api/schema/", headers={"Accept": "application/json"})

    assert refusal(answer) == (401, "not_authenticated", [])


def test_docs_page_asks_strangers_to_log_in(client):
    assert client.get("/api/docs/")["Location"] == "/admin/login/?next=/api/docs/"


def test_docs_page_keeps_to_the_content_security_policy(client, user_with):
    client.force_login(user_with())

    response = client.get("/api/docs/")

    page = response.content.decode()
    assert response.status_code == 200
    scripts = re.findall(r"<script([^>]*)>(.*?)</script>", page, re.DOTALL)
    assert scripts
    assert all("src=" in attributes and not body.strip() for attributes, body in scripts)
    addresses = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert all(address.startswith("/") and address[1] != "/" for address in addresses)
    for address in addresses:
        if address.startswith(settings.STATIC_URL):
            assert finders.find(address.removeprefix(settings.STATIC_URL)), address


def test_docs_page_starts_from_a_script_of_its_own(client, user_with):
    client.force_login(user_with())
    [address] = re.findall(r'src="(/api/docs[^"]+)"', client.get("/api/docs/").content.decode())

    script = client.get(address)

    assert script["Content-Type"].startswith("application/javascript")
    assert b"SwaggerUIBundle" in script.content
    assert b'"validatorUrl": null' in script.content
