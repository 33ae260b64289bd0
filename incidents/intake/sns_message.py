"""Amazon SNS's envelope around a message: its fields, and whether Amazon signed it.

https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html

The signature is over the texts as the JSON decodes them, so nothing is cleaned here.
"""

import re
from base64 import b64decode
from collections.abc import Iterable
from urllib.parse import parse_qs, urlsplit

import msgspec
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, HashAlgorithm
from cryptography.x509 import load_der_x509_certificate

from incidents.intake.notification import IntakeError, clean_text, document

NOTIFICATION = "Notification"
CONFIRMATION = "SubscriptionConfirmation"
UNSUBSCRIBED = "UnsubscribeConfirmation"

_SIGNED = {
    NOTIFICATION: ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    CONFIRMATION: (
        "Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type",
    ),
}  # fmt: skip
_SIGNED[UNSUBSCRIBED] = _SIGNED[CONFIRMATION]
# SHA-1 is what SNS signs with unless a topic is set to version 2; a forger would need a second
# message of the same hash as one of Amazon's own, which nobody can make.
_HASHES: dict[str, type[HashAlgorithm]] = {"1": SHA1, "2": SHA256}

_HOST = re.compile(r"sns\.([a-z0-9-]+)\.amazonaws\.com(\.cn)?")
_TOPIC = re.compile(r"arn:aws[a-z-]*:sns:([a-z0-9-]+):\d{12}:[A-Za-z0-9_.-]{1,260}")
_PEM = re.compile(r"-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----")


class SnsMessage(msgspec.Struct, rename="pascal"):
    """What SNS posts. `subscribe_url` and `token` are there when it asks for a confirmation."""

    type: str
    message_id: str
    topic_arn: str
    message: str
    timestamp: str = ""
    subject: str | None = None
    signature_version: str = ""
    signature: str = ""
    signing_cert_url: str = msgspec.field(name="SigningCertURL", default="")
    subscribe_url: str = msgspec.field(name="SubscribeURL", default="")
    token: str = ""


def read_message(body: bytes) -> SnsMessage:
    """Raise IntakeError for what SNS never posts."""
    found = document(body, "what Amazon SNS posts, with raw message delivery switched off")
    try:
        message = msgspec.convert(found, SnsMessage)
    except (msgspec.ValidationError, UnicodeError, RecursionError):
        raise IntakeError(
            "wrong_shape",
            "The body is JSON, but not from Amazon SNS. Switch raw message delivery off for this"
            " subscription: it leaves out the signature.",
        ) from None
    if message.type not in _SIGNED:
        raise IntakeError("wrong_shape", f"SNS has no messages of type “{_short(message.type)}”.")
    return message


def signed_text(message: SnsMessage) -> str:
    """What the signature is over: names and values in turn, each on a line."""
    values = msgspec.to_builtins(message)
    return "".join(
        f"{name}\n{values[name]}\n" for name in _SIGNED[message.type] if values[name] is not None
    )


def is_signed_by(message: SnsMessage, keys: Iterable[RSAPublicKey]) -> bool:
    """Whether one of these keys signed it. False also for versions that are not known yet."""
    algorithm = _HASHES.get(message.signature_version)
    if algorithm is None:
        return False
    try:
        signature = b64decode(message.signature, validate=True)
        text = signed_text(message).encode()
    except ValueError:  # UnicodeEncodeError is one
        return False
    return any(_verifies(key, signature, text, algorithm()) for key in keys)


def _verifies(key: RSAPublicKey, signature: bytes, text: bytes, algorithm: HashAlgorithm) -> bool:
    try:
        key.verify(signature, text, PKCS1v15(), algorithm)
    except (InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def keys_of(certificates: str) -> list[RSAPublicKey]:
    """The keys of certificates in PEM, one after another; what is damaged or not RSA is left out.

    Line breaks may be missing: a text field in a browser drops them.
    """
    keys = []
    for encoded in _PEM.findall(certificates):
        try:
            key = load_der_x509_certificate(b64decode("".join(encoded.split()))).public_key()
        except ValueError:
            continue
        if isinstance(key, RSAPublicKey):
            keys.append(key)
    return keys


def region_of(topic: str) -> str:
    """The region in a topic's ARN; empty if this is no topic's ARN."""
    found = _TOPIC.fullmatch(topic)
    return found[1] if found else ""


def is_of_sns(url: str, region: str) -> bool:
    """Whether this is an https address of SNS in this region, and of nobody else's.

    The region must be the topic's: `sns.s3.amazonaws.com` looks like SNS and is somebody's bucket.
    """
    try:
        parts = urlsplit(url)
        is_plain = parts.port in (None, 443) and not (parts.username or parts.password)
    except ValueError:
        return False
    host = _HOST.fullmatch(parts.netloc.removesuffix(":443"))
    return bool(parts.scheme == "https" and is_plain and host and region and host[1] == region)


def is_certificate_url(url: str, region: str) -> bool:
    return is_of_sns(url, region) and urlsplit(url).path.endswith(".pem")


def is_confirmation_url(url: str, region: str) -> bool:
    """Whether opening it does nothing but confirm a subscription."""
    if not is_of_sns(url, region):
        return False
    return parse_qs(urlsplit(url).query).get("Action") == ["ConfirmSubscription"]


def _short(text: str) -> str:
    return clean_text(text, 60)
