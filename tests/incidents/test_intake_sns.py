"""Amazon SNS: who is believed, and what its messages say."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given

from incidents.intake import ADAPTERS, Action, Envelope, Importance, IntakeError, sns
from incidents.intake.sns_message import (
    is_certificate_url,
    is_confirmation_url,
    is_signed_by,
    keys_of,
    read_message,
    signed_text,
)
from tests.incidents.damage import FIXTURES, bodies_of, damaged_bytes, damaged_json, read_or_refused
from tests.incidents.sns_signing import (
    CERTIFICATE_URL,
    SUBSCRIBE_URL,
    TOPIC,
    certificate,
    confirmation,
    notification,
)

BODIES = FIXTURES / "sns"
ARN = "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:checkout-5xx"


def sent(name: str, **options: str) -> Envelope:
    text = (BODIES / f"{name}.json").read_text()
    return Envelope(notification(text), "text/plain; charset=UTF-8", options=options)


# --- The string that is signed -------------------------------------------------------------------


def test_signed_text_of_a_notification_leaves_out_what_is_absent():
    plain = read_message(notification("Hello", MessageId="1", Timestamp="T", TopicArn="A"))
    with_subject = read_message(notification("Hello", MessageId="1", TopicArn="A", Subject="S"))

    assert signed_text(plain) == (
        "Message\nHello\nMessageId\n1\nTimestamp\nT\nTopicArn\nA\nType\nNotification\n"
    )
    assert "MessageId\n1\nSubject\nS\nTimestamp\n" in signed_text(with_subject)


def test_signed_text_of_a_confirmation_has_its_address_and_token():
    message = read_message(
        confirmation(Message="M", MessageId="1", Token="K", Timestamp="T", TopicArn="A")
    )

    assert signed_text(message) == (
        f"Message\nM\nMessageId\n1\nSubscribeURL\n{SUBSCRIBE_URL}\nTimestamp\nT\nToken\nK\n"
        "TopicArn\nA\nType\nSubscriptionConfirmation\n"
    )


@pytest.mark.parametrize("version", ["1", "2"])
def test_signature_of_both_versions_is_verified(version):
    message = read_message(notification("Hello", SignatureVersion=version))

    assert is_signed_by(message, keys_of(certificate()))


@pytest.mark.parametrize(
    "changed",
    [
        {"Message": "Hello!"},
        {"MessageId": "another"},
        {"TopicArn": "arn:aws:sns:eu-west-1:999999999999:alarms"},
        {"Subject": "Not there before"},
        {"Timestamp": "2026-03-02T09:58:34.000Z"},
        {"SignatureVersion": "2"},
        {"SignatureVersion": "3"},
        {"SignatureVersion": ""},
        {"Signature": ""},
        {"Signature": "bm8="},
        {"Signature": "not base64"},
        {"Signature": "ü"},
        {"Message": "\ud800"},
    ],
)
def test_signature_fails_when_anything_was_changed(changed):
    body = json.loads(notification("Hello")) | changed

    message = read_message(json.dumps(body).encode())

    assert not is_signed_by(message, keys_of(certificate()))


def test_certificate_pasted_into_one_line_is_read():
    assert keys_of(certificate().replace("\n", " "))
    assert len(keys_of(certificate() * 2)) == 2


@pytest.mark.parametrize("text", ["", "nonsense", certificate()[:200], certificate()[:90] * 2])
def test_certificate_that_is_damaged_has_no_key(text):
    assert keys_of(text) == []


# --- Addresses -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "region"),
    [
        (CERTIFICATE_URL, "eu-west-1"),
        ("https://sns.eu-west-1.amazonaws.com:443/a.pem", "eu-west-1"),
        ("https://sns.cn-north-1.amazonaws.com.cn/a.pem", "cn-north-1"),
        ("https://sns.us-gov-west-1.amazonaws.com/a.pem", "us-gov-west-1"),
    ],
)
def test_certificates_are_fetched_from_sns(url, region):
    assert is_certificate_url(url, region)


@pytest.mark.parametrize(
    "url",
    [
        "http://sns.eu-west-1.amazonaws.com/a.pem",
        "https://sns.us-east-1.amazonaws.com/a.pem",  # not the topic's region
        "https://sns.s3.amazonaws.com/a.pem",  # a bucket of somebody's
        "https://sns.eu-west-1.amazonaws.com/a.txt",
        "https://sns.eu-west-1.amazonaws.com.evil.example/a.pem",
        "https://evil.example/sns.eu-west-1.amazonaws.com/a.pem",
        "https://sns.eu-west-1.amazonaws.com@evil.example/a.pem",
        "https://evil.example#sns.eu-west-1.amazonaws.com/a.pem",
        "https://user@sns.eu-west-1.amazonaws.com/a.pem",
        "https://sns.eu-west-1.amazonaws.com:8443/a.pem",
        "https://xsns.eu-west-1.amazonaws.com/a.pem",
        "https://sns.eu-west-1.amazonawsxcom/a.pem",
        "https://169.254.169.254/a.pem",
        "file:///etc/ssl/a.pem",
        "https://[::1/a.pem",
        "",
    ],
)
def test_certificates_are_fetched_from_nowhere_else(url):
    assert not is_certificate_url(url, "eu-west-1")


@pytest.mark.parametrize(
    ("url", "is_one"),
    [
        (SUBSCRIBE_URL, True),
        (SUBSCRIBE_URL.replace("ConfirmSubscription", "DeleteTopic"), False),
        (SUBSCRIBE_URL + "&Action=DeleteTopic", False),
        (SUBSCRIBE_URL.replace("https", "http"), False),
        (SUBSCRIBE_URL.replace("eu-west-1.amazonaws.com", "evil.example"), False),
    ],
)
def test_only_an_address_that_confirms_is_opened(url, is_one):
    assert is_confirmation_url(url, "eu-west-1") == is_one


# --- What it says --------------------------------------------------------------------------------


def test_alarm_fires():
    (alert,) = sns.read(sent("alarm")).alerts

    assert (alert.dedup_key, alert.action) == (ARN, Action.TRIGGER)
    assert alert.title == "checkout-5xx"
    assert "Threshold Crossed" in alert.description
    assert alert.labels == {
        "LoadBalancer": "app/checkout/50dc6c495c0c9188",
        "alarm": "checkout-5xx",
        "account": "123456789012",
        "region": "eu-west-1",
        "namespace": "AWS/ApplicationELB",
        "metric": "HTTPCode_Target_5XX_Count",
        "topic": TOPIC,
    }
    assert [(link.label, link.url) for link in alert.links] == [
        ("Runbook", "https://runbooks.example.com/5xx"),
        (
            "CloudWatch",
            "https://eu-west-1.console.aws.amazon.com/cloudwatch/home?region=eu-west-1"
            "#alarmsV2:alarm/checkout-5xx",
        ),
    ]
    assert alert.started_at == datetime(2026, 3, 2, 9, 58, 32, 6000, tzinfo=UTC)


def test_ok_ends_the_alarm():
    (alert,) = sns.read(sent("ok")).alerts

    assert (alert.dedup_key, alert.action) == (ARN, Action.RESOLVE)
    assert alert.ended_at == datetime(2026, 3, 2, 10, 20, 32, 6000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("meaning", "actions"),
    [("ignore", []), ("trigger", [Action.TRIGGER]), ("resolve", [Action.RESOLVE])],
)
def test_insufficient_data_means_what_the_integration_says(meaning, actions):
    notification = sns.read(sent("insufficient_data", insufficient_data=meaning))

    assert [alert.action for alert in notification.alerts] == actions
    assert bool(notification.remark) == (meaning == "ignore")


def test_insufficient_data_is_ignored_unless_said_otherwise():
    assert sns.read(sent("insufficient_data")).alerts == []


def test_composite_alarm_has_no_metric_and_fires():
    (alert,) = sns.read(sent("composite")).alerts

    assert alert.title == "checkout-composite"
    assert "metric" not in alert.labels


def test_other_json_is_an_alert_of_its_own():
    (alert,) = sns.read(sent("eventbridge")).alerts

    assert alert.title == "AWS Health Event"
    assert alert.dedup_key == "sns:22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324"
    assert alert.labels["source"] == "aws.health"


def test_plain_text_is_an_alert_with_its_subject_as_title():
    with_subject = sns.read(Envelope(notification("Disk is full\non db-1", Subject="db-1")))
    without = sns.read(Envelope(notification("Disk is full\non db-1")))

    assert with_subject.alerts[0].title == "db-1"
    assert without.alerts[0].title == "Disk is full"
    assert without.alerts[0].description == "Disk is full\non db-1"


def test_same_message_sent_again_has_the_same_key():
    first, again = (sns.read(Envelope(notification("Hello"))).alerts[0] for _ in range(2))

    assert first.dedup_key == again.dedup_key


def test_check_puts_alarms_before_their_ends():
    assert sns.check(sent("alarm")).importance == Importance.FIRING
    assert sns.check(sent("ok")).importance == Importance.LATER
    assert sns.check(Envelope(confirmation())).importance == Importance.LATER


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"Disk is full",
        b"[]",
        b"{}",
        b'{"Type": "Notification"}',
        b'{"Type": "Other", "MessageId": "1", "TopicArn": "a", "Message": "m"}',
    ],
)
def test_check_refuses_what_sns_never_posts(body):
    with pytest.raises(IntakeError):
        sns.check(Envelope(body))


def test_check_refuses_raw_delivery_with_advice():
    with pytest.raises(IntakeError) as refusal:
        sns.check(Envelope((BODIES / "alarm.json").read_bytes()))

    assert "raw message delivery" in refusal.value.message


MESSAGES = [notification(body.decode()) for body in bodies_of("sns")] + [confirmation()]


@pytest.mark.slow
@given(damaged=damaged_json(MESSAGES))
def test_damaged_envelopes_raise_nothing_but_intake_errors(damaged):
    read_or_refused(ADAPTERS["sns"], Envelope(damaged))


@pytest.mark.slow
@given(damaged=damaged_json(bodies_of("sns")))
def test_damaged_messages_are_read_as_something(damaged):
    read = read_or_refused(
        ADAPTERS["sns"],
        Envelope(notification(damaged.decode())),
    )

    assert read is not None
    assert read.alerts or read.remark


@pytest.mark.slow
@given(damaged=damaged_bytes(MESSAGES))
def test_damaged_bytes_raise_nothing_but_intake_errors(damaged):
    read_or_refused(ADAPTERS["sns"], Envelope(damaged))
