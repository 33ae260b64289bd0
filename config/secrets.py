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
    """Read the key kept at `path`, made by the first start; two at once agree on one."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            _make(path)
        return path.read_text().strip()
    except OSError as error:
        raise ImproperlyConfigured(
            f"{path} cannot be read or made ({error.strerror}). Make the folder {path.parent} "
            "writable, or set DATA_DIR to another folder."
        ) from error


def _make(path: Path) -> None:
    """Write the key beside `path` and link it there: it appears complete, once, or was there."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    draft.touch(mode=0o600)
    draft.write_text(secrets.token_urlsafe(64))
    try:
        path.hardlink_to(draft)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
