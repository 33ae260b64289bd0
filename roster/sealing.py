"""Keeping secrets that must be read again: those that others sign with.

Sealed with a key derived from `SECRET_KEY`, so that a copy of the database alone gives none away.
What we only compare is hashed instead.
"""

import base64
import hashlib

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings


def seal(secret: str) -> str:
    """Encrypt `secret`; an empty text stays empty."""
    return _sealer().encrypt(secret.encode()).decode() if secret else ""


def unseal(sealed: str) -> str:
    """What was sealed, with the present key or one of `SECRET_KEY_FALLBACKS`.

    An empty text stays empty. Raises ValueError if it was sealed with another key.
    """
    if not sealed:
        return ""
    try:
        return _sealer().decrypt(sealed.encode()).decode()
    except InvalidToken:
        raise ValueError(
            "This secret was sealed under another SECRET_KEY. Enter it again."
        ) from None


def _sealer() -> MultiFernet:
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return MultiFernet([Fernet(_derived(key)) for key in keys])


def _derived(key: str) -> bytes:
    return base64.urlsafe_b64encode(hashlib.sha256(b"muster sealing " + key.encode()).digest())
