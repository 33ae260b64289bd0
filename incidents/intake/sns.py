"""Amazon SNS, and the CloudWatch alarms that come by it (WIRE-FORMATS §5).

SNS calls its JSON text/plain, and puts the message itself into it as a text. Who may be believed,
and confirming subscriptions, is decided in `incidents.sns_subscriptions` before anything is read.
"""

import json
import re
from datetime import datetime
from typing import Annotated, Any, Literal
from urllib.parse import quote

import msgspec

from incidents import sns_subscriptions
from incidents.intake.adapter import Adapter, Guide
from incidents.intake.notification import (
    LABEL_COUNT,
    LABEL_LENGTH,
    TEXT_LENGTH,
    TITLE_LENGTH,
    Action,
    Envelope,
    Glance,
    Importance,
    Link,
    NormalisedAlert,
    Notification,
    bounded_key,
    clean_text,
    http_link,
    labels_of,
    moment,
    word,
)
from incidents.intake.sns_message import NOTIFICATION, SnsMessage, read_message

_OK = re.compile(rb'\\"NewStateValue\\":\s*\\"OK\\"')
_RUNBOOK = re.compile(r"(?i)runbook\W{1,10}(https?://\S+)")


class Options(msgspec.Struct, forbid_unknown_fields=True):
    topics: Annotated[
        list[str],
        msgspec.Meta(
            title="Topics",
            description="Their ARNs, one a line. What comes from other topics is set aside.",
        ),
    ] = []
    certificate: Annotated[
        str,
        msgspec.Meta(
            title="Signing certificate",
            description="In PEM. Only for a Muster without a way to the Internet: otherwise it is"
            " read from Amazon.",
        ),
    ] = ""
    insufficient_data: Annotated[
        Literal["ignore", "trigger", "resolve"],
        msgspec.Meta(
            title="An alarm without data",
            description="What INSUFFICIENT_DATA means: ignore, trigger or resolve.",
        ),
    ] = "ignore"


class _Alarm(msgspec.Struct, rename="pascal"):
    """A CloudWatch alarm; what we can do without is `Any` and cleaned afterwards."""

    alarm_name: str
    new_state_value: Literal["ALARM", "OK", "INSUFFICIENT_DATA"]
    alarm_arn: Any = ""
    alarm_description: Any = ""
    account: Any = msgspec.field(name="AWSAccountId", default="")
    new_state_reason: Any = ""
    state_change_time: Any = None
    region: Any = ""
    trigger: Any = None


def check(envelope: Envelope) -> Glance:
    """Raise IntakeError if SNS cannot have posted it; signatures are checked after the answer."""
    message = read_message(envelope.body)
    is_quiet = message.type != NOTIFICATION or _OK.search(envelope.body)
    return Glance(Importance.LATER if is_quiet else Importance.FIRING)


def verify(envelope: Envelope) -> str:
    options = _options(envelope)
    return sns_subscriptions.verify(
        read_message(envelope.body), topics=options.topics, certificates=options.certificate
    )


def read(envelope: Envelope) -> Notification:
    """An alarm, or any other message as an alert of its own, which only a person ends."""
    message = read_message(envelope.body)
    if message.type != NOTIFICATION:
        return Notification(remark="A message about the subscription itself.")
    if alarm := _alarm(message):
        return _read_alarm(alarm, message, _options(envelope))
    return Notification([_other(message)])


def _options(envelope: Envelope) -> Options:
    return msgspec.convert(dict(envelope.options), Options)


def _alarm(message: SnsMessage) -> _Alarm | None:
    try:
        return msgspec.json.decode(message.message, type=_Alarm)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


def _read_alarm(alarm: _Alarm, message: SnsMessage, options: Options) -> Notification:
    action = {"ALARM": "trigger", "OK": "resolve"}.get(
        alarm.new_state_value, options.insufficient_data
    )
    if action == "ignore":
        return Notification(remark="The alarm has too little data, which is set to be ignored.")
    name = clean_text(alarm.alarm_name, LABEL_LENGTH)
    about = clean_text(alarm.alarm_description, TEXT_LENGTH)
    reason = clean_text(alarm.new_state_reason, TEXT_LENGTH)
    changed_at = moment(alarm.state_change_time)
    return Notification(
        [
            NormalisedAlert(
                dedup_key=_alarm_key(alarm),
                action=Action(action),
                title=clean_text(name.strip() or "Alarm without a name", TITLE_LENGTH),
                description="\n\n".join(text for text in (about, reason) if text),
                labels=_alarm_labels(alarm, message),
                annotations={"state": alarm.new_state_value},
                links=_alarm_links(alarm, about),
                started_at=changed_at if action == "trigger" else None,
                ended_at=changed_at if action == "resolve" else None,
            )
        ]
    )


def _alarm_key(alarm: _Alarm) -> str:
    """Its ARN; what is replayed by hand may lack it."""
    arn = bounded_key(alarm.alarm_arn)
    return arn or bounded_key(
        ":".join(clean_text(part, 300) for part in (alarm.account, alarm.region, alarm.alarm_name))
    )


def _alarm_labels(alarm: _Alarm, message: SnsMessage) -> dict[str, str]:
    trigger = alarm.trigger if isinstance(alarm.trigger, dict) else {}
    dimensions = trigger.get("Dimensions")
    named = {
        clean_text(each.get("name"), LABEL_LENGTH): clean_text(each.get("value"), LABEL_LENGTH)
        for each in (dimensions if isinstance(dimensions, list) else [])[:LABEL_COUNT]
        if isinstance(each, dict)
    }
    return named | labels_of(
        alarm=alarm.alarm_name,
        account=alarm.account,
        region=_region(alarm) or alarm.region,
        namespace=trigger.get("Namespace"),
        metric=trigger.get("MetricName"),
        topic=message.topic_arn,
    )


def _region(alarm: _Alarm) -> str:
    """The region's code, of which the alarm itself only says the name for people."""
    parts = clean_text(alarm.alarm_arn, 600).split(":")
    return parts[3] if len(parts) > 3 and parts[2] == "cloudwatch" else ""


def _alarm_links(alarm: _Alarm, about: str) -> list[Link]:
    runbook = _RUNBOOK.search(about)
    region = _region(alarm)
    console = (
        f"https://{region}.console.aws.amazon.com/cloudwatch/home?region={region}"
        f"#alarmsV2:alarm/{quote(clean_text(alarm.alarm_name, 300), safe='')}"
    )
    is_plain = re.fullmatch(r"[a-z0-9-]{1,40}", region)
    candidates = (
        http_link("Runbook", runbook[1].rstrip(".,;)")) if runbook else None,
        http_link("CloudWatch", console) if is_plain else None,
    )
    return [link for link in candidates if link]


def _other(message: SnsMessage) -> NormalisedAlert:
    """A message of no format that we know: it has no key of its own, but SNS gave it one."""
    fields = _fields_of(message.message)
    title = (
        message.subject
        or next(
            (fields[name] for name in ("title", "summary", "detail-type") if name in fields), ""
        )
        or message.message
    )
    first_line = clean_text(title, TEXT_LENGTH).strip().partition("\n")[0]
    return NormalisedAlert(
        dedup_key=bounded_key(f"sns:{message.message_id}"),
        action=Action.TRIGGER,
        title=clean_text(first_line or "Message without a text", TITLE_LENGTH),
        description=clean_text(message.message, TEXT_LENGTH),
        severity_label=word(fields.get("severity")),
        labels=labels_of(
            topic=message.topic_arn,
            **{name: fields.get(name) for name in ("source", "account", "region")},
        ),
        started_at=moment(message.timestamp),
    )


def _fields_of(text: str) -> dict[str, str]:
    """The texts and numbers of a JSON object; nothing for any other text."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(found, dict):
        return {}
    plain = ((name, value) for name, value in found.items() if isinstance(value, str | int | float))
    return {name: clean_text(value, LABEL_LENGTH) for name, value in plain}


def sample(at: datetime) -> Envelope:
    alarm = {
        "AlarmName": "Trial",
        "AlarmDescription": "A trial alert",
        "NewStateValue": "ALARM",
        "NewStateReason": "Sent to try the way it goes.",
        "StateChangeTime": f"{at:%Y-%m-%dT%H:%M:%S}.000+0000",
        "AlarmArn": "arn:aws:cloudwatch:eu-west-1:000000000000:alarm:Trial",
    }
    message = {
        "Type": NOTIFICATION,
        "MessageId": "trial",
        "TopicArn": "arn:aws:sns:eu-west-1:000000000000:trial",
        "Message": json.dumps(alarm),
        "Timestamp": f"{at:%Y-%m-%dT%H:%M:%S}.000Z",
    }
    return Envelope(json.dumps(message).encode(), "text/plain; charset=UTF-8")


ADAPTER = Adapter(
    kind="sns",
    label="Amazon SNS (CloudWatch)",
    check=check,
    read=read,
    verify=verify,
    sample=sample,
    kept_headers=("x-amz-sns-message-type", "x-amz-sns-message-id"),
    options=Options,
    guide=Guide(
        steps=(
            "Enter the topic's ARN in this integration first: what comes from other topics is set"
            " aside.",
            "In SNS, create a subscription of the topic with the protocol HTTPS and this address"
            " as its endpoint: {url}",
            "Leave raw message delivery off: without the envelope nothing is signed.",
            "Muster confirms the subscription by itself. Without a way to the Internet, pin the"
            " signing certificate here and open the address shown at the set-aside event by hand.",
            "Add the topic to the actions of your CloudWatch alarms, for ALARM and for OK: without"
            " the latter they never end.",
            "CloudWatch has no severities: set this integration's, or make routing rules on the"
            " alarm's name. Only a real message is signed, so a curl line ends set aside.",
        ),
    ),
)
