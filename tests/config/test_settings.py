"""Settings say what is missing, and start no production with an example's secret."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string
from environs import Env

from config.secrets import secret_key

ROOT = Path(__file__).resolve().parents[2]
GOOD_KEY = "kJ3x-fQ9" * 8


@pytest.fixture
def env(monkeypatch) -> Env:
    for name in ("SECRET_KEY", "SECRET_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)
    return Env()


def test_secret_key_is_generated_once_and_kept_private(env, tmp_path):
    first = secret_key(env, data_dir=tmp_path / "data", may_generate=True)
    second = secret_key(env, data_dir=tmp_path / "data", may_generate=True)

    assert first == second
    assert len(first) >= 64
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["secret_key"]
    assert (tmp_path / "data" / "secret_key").stat().st_mode & 0o777 == 0o600


def test_secret_key_is_demanded_in_production(env, tmp_path):
    with pytest.raises(ImproperlyConfigured, match=r"^SECRET_KEY is missing\. Set SECRET_KEY"):
        secret_key(env, data_dir=tmp_path, may_generate=False)


@pytest.mark.parametrize(
    "weak", ["short", "a" * 60, "django-insecure-0123456789abcdefghijklmnopqrstuvwxyz-0123456789"]
)
def test_secret_key_that_can_be_guessed_is_refused(env, tmp_path, monkeypatch, weak):
    monkeypatch.setenv("SECRET_KEY", weak)

    with pytest.raises(ImproperlyConfigured, match=r"^SECRET_KEY is too easy to guess\."):
        secret_key(env, data_dir=tmp_path, may_generate=True)


def test_secret_key_is_read_from_a_file(env, tmp_path, monkeypatch):
    (tmp_path / "key").write_text(f"{GOOD_KEY}\n")
    monkeypatch.setenv("SECRET_KEY_FILE", str(tmp_path / "key"))

    assert secret_key(env, data_dir=tmp_path, may_generate=False) == GOOD_KEY


def read_settings(tmp_path: Path, *names: str, **environment: str) -> dict[str, object]:
    """Load the settings in a process of their own, with nothing but `environment` set."""
    code = (
        "import json, sys; from config import settings;"
        "print(json.dumps({n: getattr(settings, n) for n in sys.argv[1:]}, default=str))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *names],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "DATA_DIR": str(tmp_path), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        return {"error": done.stderr.strip().splitlines()[-1]}
    values: dict[str, object] = json.loads(done.stdout)
    return values


@pytest.mark.slow
def test_nothing_set_means_one_machine(tmp_path):
    names = ("DEBUG", "EMAIL_BACKEND", "ALLOWED_HOSTS", "CELERY_BROKER_URL", "SECURE_SSL_REDIRECT")

    assert read_settings(tmp_path, *names) == {
        "DEBUG": False,
        "EMAIL_BACKEND": "config.mail.LogBackend",
        "ALLOWED_HOSTS": ["127.0.0.1", "[::1]", "localhost"],
        "CELERY_BROKER_URL": "folder://localhost",
        "SECURE_SSL_REDIRECT": False,
    }


@pytest.mark.slow
def test_https_address_turns_on_what_belongs_to_it(tmp_path):
    names = ("SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE", "SECURE_SSL_REDIRECT", "ALLOWED_HOSTS")

    assert read_settings(tmp_path, *names, PUBLIC_URL="https://muster.example.com") == {
        "SESSION_COOKIE_SECURE": True,
        "CSRF_COOKIE_SECURE": True,
        "SECURE_SSL_REDIRECT": True,
        "ALLOWED_HOSTS": ["127.0.0.1", "[::1]", "localhost", "muster.example.com"],
    }


@pytest.mark.slow
def test_redis_serves_as_broker_and_cache(tmp_path):
    address = "redis://127.0.0.1:6379/0"

    read = read_settings(tmp_path, "CELERY_BROKER_URL", "CACHES", REDIS_URL=address)

    assert read == {
        "CELERY_BROKER_URL": address,
        "CACHES": {
            "default": {
                "BACKEND": "django.core.cache.backends.redis.RedisCache",
                "LOCATION": address,
            }
        },
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({"PUBLIC_URL": "muster.example.com"}, "PUBLIC_URL must be a full address such as"),
        ({"DATABASE_URL": "postgres://u@h/d"}, "SECRET_KEY is missing."),
        ({"DATABASE_URL": "oracle://u@h/d", "SECRET_KEY": GOOD_KEY}, "DATABASE_URL "),
        ({"DEBUG": "perhaps"}, 'Environment variable "DEBUG" invalid: Not a valid boolean.'),
    ],
)
def test_wrong_setting_is_named(tmp_path, environment, sentence):
    error = read_settings(tmp_path, "DEBUG", **environment)["error"]

    assert str(error).partition(": ")[2].startswith(sentence)


def dotted_paths(value: object) -> set[str]:
    """Every text in `value` that looks like the path of something in our own code."""
    if isinstance(value, dict):
        return set().union(*(dotted_paths(item) for item in value.values()))
    if isinstance(value, list | tuple):
        return set().union(*(dotted_paths(item) for item in value))
    ours = ("config.", "roster.", "incidents.", "comms.", "postmortems.")
    return {value} if isinstance(value, str) and value.startswith(ours) else set()


@pytest.mark.parametrize(
    "path", sorted(dotted_paths([settings.UNFOLD, settings.MIDDLEWARE, settings.REST_FRAMEWORK]))
)
def test_named_code_exists(path):
    assert import_string(path)


@pytest.mark.parametrize("name", sorted(settings.SWEEPS))
def test_every_sweep_is_a_task(name):
    from config import celery_app  # noqa: PLC0415 (after Django is set up)

    celery_app.loader.import_default_modules()

    assert name in celery_app.tasks


def test_readme_lists_every_variable():
    source = (ROOT / "config" / "settings.py").read_text()
    source += (ROOT / "config" / "secrets.py").read_text()
    read = set(re.findall(r'env\.\w+\(\s*"([A-Z_]+)"', source))

    missing = {name for name in read if f"`{name}`" not in (ROOT / "README.md").read_text()}

    assert missing == set()
