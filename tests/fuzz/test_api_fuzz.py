"""Whatever a machine with a token sends to the API, nothing of it may end in a 5xx.

Schemathesis makes requests of the API's own description, good ones and bad ones. Where an address
names a row, half of them name one that is there. The client raises what a view does not catch.
"""

import json
from importlib.util import find_spec
from typing import Any

import pytest
from django.core.management import call_command
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.factories.api import client_of
from tests.factories.incidents import make_alert, make_event, make_incident, make_responder
from tests.factories.roster import make_person, make_policy

pytestmark = [pytest.mark.fuzz, pytest.mark.slow, pytest.mark.django_db]

# An operation; there are a few hundred of them, and all have to be done in a minute.
EXAMPLES = 4
few = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
METHODS = ("get", "post", "put", "patch", "delete")


def operations() -> list[tuple[str, str]]:
    """Method and path of everything that the API describes."""
    if not find_spec("schemathesis"):
        return []
    paths = SchemaGenerator().get_schema(request=None, public=True)["paths"]
    return [(method, path) for path in paths for method in METHODS if method in paths[path]]


def groups() -> list[str]:
    """The API's resources: `/api/v1/incidents/…` is one test."""
    return sorted({_group(path) for _, path in operations()})


def _group(path: str) -> str:
    return "/".join(path.split("/")[:4])


@pytest.fixture(scope="session")
def described() -> Any:
    import schemathesis  # noqa: PLC0415  # of its own dependency group

    document = json.loads(
        json.dumps(SchemaGenerator().get_schema(request=None, public=True), default=str)
    )
    return schemathesis.openapi.from_dict(document)


@pytest.fixture
def client(admin_user, db) -> Any:
    """A machine that may do everything, in an organisation with one of the usual things."""
    call_command("load_reference", verbosity=0)
    ada = make_person(slug="ada")
    make_policy(ada)
    incident = make_incident()
    make_responder(incident)
    make_event(integration=make_alert(incident).integration)
    ada.user = admin_user
    ada.save(update_fields=["user"])
    return client_of(admin_user)


@pytest.mark.parametrize("group", groups())
def test_nothing_sent_to_the_api_ends_in_a_5xx(client, described, group):
    known: dict[str, dict[str, Any]] = {}
    for found in described.get_all_operations():
        operation = found.ok()
        if _group(operation.path) == group:
            _try(client, operation, known)


def _try(client: Any, operation: Any, known: dict[str, dict[str, Any]]) -> None:
    @few
    @given(case=operation.as_strategy(), of_a_row=st.booleans())
    def attempt(case: Any, of_a_row: bool) -> None:
        if of_a_row:
            row = _a_row(client, operation.path, known)
            for name in case.path_parameters or {}:
                case.path_parameters[name] = row.get(name, case.path_parameters[name])
        response = _send(client, case)
        assert response.status_code < 500, (case.method, case.formatted_path, response.content)

    attempt()


def _a_row(client: Any, path: str, known: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The first row of the list below which the address lies."""
    address = path.partition("{")[0]
    if address not in known:
        response = client.get(address)
        found = response.json() if response.status_code == 200 else {}
        rows = found.get("results") if isinstance(found, dict) else found
        known[address] = rows[0] if rows and isinstance(rows[0], dict) else {}
    return known[address]


def _send(client: Any, case: Any) -> Any:
    kwargs = case.as_transport_kwargs(base_url="http://testserver")
    body = kwargs.get("data")
    if kwargs.get("json") is not None:
        body = json.dumps(kwargs["json"])
    return client.generic(
        case.method,
        case.formatted_path,
        body if isinstance(body, str | bytes) else "",
        content_type=case.media_type or "application/json",
        query_params={
            name: value if isinstance(value, list) else str(value)
            for name, value in (case.query or {}).items()
        },
    )
