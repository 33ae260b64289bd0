"""A made-up Amazon: it signs messages with a key of its own, and serves its certificate."""

import json
from base64 import b64encode
from datetime import UTC, datetime
from functools import cache
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import CertificateBuilder, Name, NameAttribute, random_serial_number
from cryptography.x509.oid import NameOID

from incidents.intake.sns_message import SnsMessage, signed_text
from incidents.sns_subscriptions import FetchError

TOPIC = "arn:aws:sns:eu-west-1:123456789012:alarms"
CERTIFICATE_URL = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-01d0.pem"
SUBSCRIBE_URL = (
    "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription"
    f"&TopicArn={TOPIC}&Token=2336412f37fb687f5d51e6e2425c464de"
)


@cache
def key() -> RSAPrivateKey:
    return generate_private_key(65537, 2048)


@cache
def certificate() -> str:
    """Of the key, in PEM."""
    name = Name([NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    builder = CertificateBuilder(name, name, key().public_key(), random_serial_number())
    builder = builder.not_valid_before(datetime(2026, 1, 1, tzinfo=UTC))
    made = builder.not_valid_after(datetime(2027, 1, 1, tzinfo=UTC)).sign(key(), SHA256())
    return made.public_bytes(Encoding.PEM).decode()


def notification(message: str, **fields: Any) -> bytes:
    """A notification as SNS posts it, signed unless `Signature` is given."""
    return _posted({"Type": "Notification", "Message": message} | fields)


def confirmation(**fields: Any) -> bytes:
    """The question whether we want a topic's messages."""
    asked = {
        "Type": "SubscriptionConfirmation",
        "Message": "You have chosen to subscribe to the topic.",
        "SubscribeURL": SUBSCRIBE_URL,
        "Token": "2336412f37fb687f5d51e6e2425c464de",
    }
    return _posted(asked | fields)


def _posted(fields: dict[str, Any]) -> bytes:
    body = {
        "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
        "TopicArn": TOPIC,
        "Timestamp": "2026-03-02T09:58:33.000Z",
        "SignatureVersion": "1",
        "SigningCertURL": CERTIFICATE_URL,
    } | fields
    algorithm = SHA256() if body["SignatureVersion"] == "2" else SHA1()  # noqa: S303 (SNS's own choice)
    text = signed_text(msgspec.convert(body, SnsMessage)).encode()
    signature = b64encode(key().sign(text, PKCS1v15(), algorithm)).decode()
    return json.dumps({"Signature": signature} | body).encode()


class Amazon:
    """What stands for the network: which addresses were asked, and what they answer."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answers: dict[str, bytes | FetchError] = {
            CERTIFICATE_URL: certificate().encode(),
            SUBSCRIBE_URL: b"<ConfirmSubscriptionResponse/>",
        }

    def fetch(self, url: str) -> bytes:
        self.asked.append(url)
        answer = self.answers[url]
        if isinstance(answer, FetchError):
            raise answer
        return answer
