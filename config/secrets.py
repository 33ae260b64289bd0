"""Where the secret key comes from."""

import secrets
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured
from environs import Env

MINIMUM_LENGTH = 50
_ADVICE = (
    "Set SECRET_KEY (or SECRET_KEY_FILE) to a random text of at least 50 characters, for example "
    "the output of: python -c 'import secrets; print(secrets.token_urlsafe(64))'."
)


def secret_key(env: Env, *, data_dir: Path, may_generate: bool) -> str:
    """Return SECRET_KEY, the content of SECRET_KEY_FILE, or the key kept in `data_dir`.

    A key is generated into `data_dir/secret_key` on the first start, only where `may_generate`.
    Raises ImproperlyConfigured where a key is missing, too short, or one of the known examples.
    """
    path = env.str("SECRET_KEY_FILE", "")
    key = Path(path).read_text().strip() if path else env.str("SECRET_KEY", "").strip()
    if not key and may_generate:
        return _kept_in(data_dir / "secret_key")
    if not key:
        raise ImproperlyConfigured(f"SECRET_KEY is missing. {_ADVICE}")
    if len(key) < MINIMUM_LENGTH or len(set(key)) < 5 or key.startswith("django-insecure-"):
        raise ImproperlyConfigured(f"SECRET_KEY is too easy to guess. {_ADVICE}")
    return key


def _kept_in(path: Path) -> str:
    """Read the key kept at `path`, making it first where there is none (two starts at once agree)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("x") as file:
            path.chmod(0o600)
            file.write(secrets.token_urlsafe(64))
    except FileExistsError:
        pass
    return path.read_text().strip()
