"""Monitors whose messages are templates or notification scripts, as they send, and damaged."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incidents.intake import ADAPTERS, Action, Envelope, Importance, IntakeError, Notification
from incidents.intake.notification import KEY_LENGTH, Link, NormalisedAlert

BODIES = Path(__file__).parent.parent / "fixtures"
KINDS = (
    "azure", "datadog", "generic", "google_cloud", "nagios", "pingdom", "uptime_kuma",
    "uptimerobot", "zabbix",
)  # fmt: skip
STARTED = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
ENDED = datetime(2026, 3, 2, 9, 10, tzinfo=UTC)
TYPES = {
    ".json": "application/json",
    ".form": "application/x-www-form-urlencoded",
    ".multipart": "multipart/form-data; boundary=----axios-0",
}


def envelope_of(kind: str, name: str, **changes: Any) -> Envelope:
    path = BODIES / kind / name
    if path.suffix == ".query":
        return Envelope(b"", call=f"?{path.read_text()}", method="GET")
    body = path.read_bytes()
    if changes:
        body = json.dumps(json.loads(body) | changes).encode()
    return Envelope(body, TYPES[path.suffix])


def read(kind: str, name: str, **changes: Any) -> Notification:
    return ADAPTERS[kind].read(envelope_of(kind, name, **changes))


def alert(kind: str, name: str, **changes: Any) -> NormalisedAlert:
    (only,) = read(kind, name, **changes).alerts
    return only


# --- What each says, and that its end meets its beginning --------------------------------------


@pytest.mark.parametrize(
    ("kind", "name", "key", "title", "severity"),
    [
        ("datadog", "triggered.json", "3401278844923316",
         "Latency of checkout is high on web-7", "p2"),
        ("zabbix", "problem.json", "88120", "Disk space is low on /var", "high"),
        ("nagios", "service_problem.json", "web-1!HTTP", "HTTP on Web 1 is CRITICAL", "critical"),
        ("nagios", "host_problem.json", "web-1", "Web 1 is DOWN", "critical"),
        ("nagios", "checkmk.json", "sw-core-2", "sw-core-2 is DOWN", "critical"),
        ("uptimerobot", "down.json", "794332118", "Shop is down", ""),
        ("uptime_kuma", "down.json", "12", "Public / Shop is down", ""),
        ("uptime_kuma", "down.multipart", "12", "Public / Shop is down", ""),
        ("pingdom", "down.json", "803318", "Shop, home page is down", "high"),
        ("pingdom", "transaction_failing.json", "901", "Buy a book is down", "low"),
        ("google_cloud", "open.json", "0.o5ws9jd5fksv", "Web servers are busy: CPU over 80 %",
         "critical"),
        ("azure", "fired.json", "/subscriptions/11111111-2222-3333-4444-555555555555/providers/"
         "Microsoft.AlertsManagement/alerts/b9569717-bc32-442f-add5-83a997729330",
         "web-servers-busy", "high"),
        ("generic", "gitlab.json", "shop,d19381d4e8ebca87b55cda6e8eee7385", "Incident title",
         "high"),
    ],
)  # fmt: skip
def test_problem_is_read(kind, name, key, title, severity):
    found = alert(kind, name)

    assert (found.action, found.dedup_key) == (Action.TRIGGER, key)
    assert (found.title, found.severity_label) == (title, severity)
    assert found.started_at is None or found.started_at.replace(microsecond=0) == STARTED


@pytest.mark.parametrize(
    ("kind", "fires", "ends"),
    [
        ("datadog", "triggered.json", "recovered.json"),
        ("zabbix", "problem.json", "recovery.json"),
        ("nagios", "service_problem.json", "service_recovery.json"),
        ("uptimerobot", "down.json", "up.form"),
        ("uptime_kuma", "down.json", "up.json"),
        ("pingdom", "down.json", "up.json"),
        ("google_cloud", "open.json", "closed.json"),
        ("azure", "fired.json", "resolved.json"),
        ("generic", "gitlab.json", "gitlab_ended.json"),
    ],
)
def test_end_has_the_key_of_its_problem(kind, fires, ends):
    end = alert(kind, ends)

    assert (end.action, end.dedup_key) == (Action.RESOLVE, alert(kind, fires).dedup_key)
    assert end.ended_at.replace(microsecond=0) == ENDED
    assert ADAPTERS[kind].check(envelope_of(kind, ends)).importance == Importance.LATER


@pytest.mark.parametrize("kind", KINDS)
def test_sample_fires_one_alert_through_its_own_door(kind):
    adapter = ADAPTERS[kind]
    sample = adapter.sample(STARTED)

    assert sample.method in adapter.methods
    assert adapter.check(sample).importance in (Importance.CRITICAL, Importance.FIRING)
    (found,) = adapter.read(sample).alerts
    assert found.is_firing
    assert found.started_at == STARTED
    assert "rial" in f"{found.title} {found.description}"


# --- Datadog ------------------------------------------------------------------------------------


def test_datadog_tags_are_labels():
    assert alert("datadog", "triggered.json").labels | {"transition": "", "scope": ""} == {
        "env": "prod", "host": "web-7", "monitor": "9912043", "service": "checkout",
        "team": "payments", "transition": "", "scope": "",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("transition", "action"),
    [
        ("Triggered", Action.TRIGGER),
        ("Re-Triggered", Action.TRIGGER),
        ("Renotify", Action.TRIGGER),
        ("Warn", Action.TRIGGER),
        ("No Data", Action.TRIGGER),
        ("Recovered", Action.RESOLVE),
        ("Warn Recovered", Action.RESOLVE),
        ("No Data Recovered", Action.RESOLVE),
    ],
)
def test_datadog_transitions(transition, action):
    assert alert("datadog", "triggered.json", transition=transition).action == action


def test_datadog_without_cycle_key_goes_by_monitor_and_scope():
    for unfilled in ("", "$ALERT_CYCLE_KEY"):
        found = alert("datadog", "triggered.json", cycle_key=unfilled)
        assert found.dedup_key == "9912043:host:web-7,service:checkout"


def test_datadog_event_made_by_hand_has_only_its_title():
    found = alert("datadog", "by_hand.json")

    assert found.is_firing
    assert found.dedup_key == found.title == "Somebody posted an event by hand"
    assert (found.severity_label, found.labels) == ("", {})


def test_datadog_encoded_as_form_reads_alike():
    fields = json.loads((BODIES / "datadog" / "triggered.json").read_bytes())
    body = "&".join(f"{name}={value.replace('&', '%26')}" for name, value in fields.items())
    form = Envelope(body.encode(), "application/x-www-form-urlencoded")

    (found,) = ADAPTERS["datadog"].read(form).alerts

    assert found.dedup_key == "3401278844923316"


# --- Zabbix -------------------------------------------------------------------------------------


def test_zabbix_acknowledgement_says_who_and_why():
    found = alert("zabbix", "acknowledged.json")

    assert (found.action, found.dedup_key) == (Action.ACKNOWLEDGE, "88120")
    assert (found.actor, found.text) == ("Ada Lovelace", "Cleaning up old dumps.")


def test_zabbix_closed_by_hand_ends_it():
    assert alert("zabbix", "closed.json").action == Action.RESOLVE


@pytest.mark.parametrize("action", ["commented", "unacknowledged", "changed severity"])
def test_zabbix_other_updates_are_notes(action):
    notification = read("zabbix", "commented.json", event_update_action=action)

    assert notification.alerts == []
    (note,) = notification.notes
    assert (note.dedup_key, note.actor) == ("88120", "Ada Lovelace")
    assert note.text == f"{action}: Half of it is free again."


def test_zabbix_test_names_no_event_and_opens_nothing():
    notification = read("zabbix", "test.json")

    assert (notification.alerts, notification.notes) == ([], [])
    assert notification.remark.startswith("It names no event")


def test_zabbix_discovery_has_no_value_and_is_of_no_severity():
    found = alert("zabbix", "discovery.json")

    assert (found.action, found.title) == (Action.TRIGGER, "Discovery: UP 192.0.2.77")
    assert found.severity_label == ""


@pytest.mark.parametrize(
    ("number", "level"),
    [("0", "info"), ("1", "info"), ("2", "low"), ("3", "medium"), ("4", "high"), ("5", "critical")],
)
def test_zabbix_severities(number, level):
    assert alert("zabbix", "problem.json", event_nseverity=number).severity_label == level


def test_zabbix_tags_and_address():
    found = alert("zabbix", "problem.json")

    assert found.labels["service"] == "storage"
    assert found.labels["prod"] == "true"
    assert found.links == [
        Link("Zabbix", "https://zabbix.example.com/tr_events.php?triggerid=17201&eventid=88120")
    ]


# --- Nagios, Icinga 2, Checkmk --------------------------------------------------------------------


def test_nagios_acknowledgement_says_who_and_why():
    found = alert("nagios", "service_acknowledgement.json")

    assert (found.action, found.actor) == (Action.ACKNOWLEDGE, "Ada Lovelace")
    assert found.text == 'Restarting the "proxy".'


@pytest.mark.parametrize(
    ("name", "key", "text"),
    [
        ("host_downtime_start.json", "web-1", "Its downtime began. New memory."),
        ("icinga_custom.json", "web-1!HTTP",
         "Notification Custom: HTTP CRITICAL: HTTP/1.1 503 Service Unavailable - 372 bytes in"
         " 0.004 second response time Please look at this."),
    ],
)  # fmt: skip
def test_nagios_downtime_and_custom_are_notes(name, key, text):
    notification = read("nagios", name)

    assert notification.alerts == []
    assert [(note.dedup_key, note.text) for note in notification.notes] == [(key, text)]


@pytest.mark.parametrize(
    ("name", "changes", "action"),
    [
        ("service_flapping_start.json", {}, None),
        # While it flaps, a monitor holds the recovery back: the end of flapping tells.
        ("service_flapping_stop.json", {}, Action.RESOLVE),
        ("service_flapping_stop.json", {"state": "CRITICAL"}, Action.TRIGGER),
        ("service_flapping_stop.json", {"type": "FlappingEnd"}, Action.RESOLVE),
        ("icinga_removed_downtime.json", {}, Action.RESOLVE),
        ("icinga_removed_downtime.json", {"state": "DOWN"}, None),
    ],
)
def test_nagios_flapping_and_the_end_of_downtime_say_how_it_stands(name, changes, action):
    notification = read("nagios", name, **changes)

    assert [each.action for each in notification.alerts] == ([action] if action else [])
    assert len(notification.notes) == 1


def test_nagios_macros_by_their_own_names_are_understood():
    found = alert("nagios", "macros.json")

    assert (found.action, found.dedup_key) == (Action.RESOLVE, "sw-core-2!Interface 3")
    assert found.text == ""


@pytest.mark.parametrize(
    ("state", "level"),
    [("CRITICAL", "critical"), ("DOWN", "critical"), ("UNREACHABLE", "high"),
     ("WARNING", "medium"), ("UNKNOWN", "low")],
)  # fmt: skip
def test_nagios_states(state, level):
    assert alert("nagios", "service_problem.json", state=state).severity_label == level


# --- Uptime checkers ------------------------------------------------------------------------------


def test_uptimerobot_certificate_is_an_alert_of_its_own():
    found = alert("uptimerobot", "certificate.query")

    assert found.dedup_key == "794332118:certificate"
    assert found.title == "The certificate of Shop expires in 14 days"
    assert found.description == ""  # the placeholder was not filled in


def test_uptimerobot_pause_is_a_note():
    notification = read(
        "uptimerobot", "down.json", alertType="99", alertTypeFriendlyName="Paused", alertDetails=""
    )

    assert notification.alerts == []
    assert [note.text for note in notification.notes] == ["UptimeRobot says Paused"]


def test_uptime_kuma_certificate_is_the_same_alert_the_day_after():
    first = alert("uptime_kuma", "certificate.json")
    text = json.loads((BODIES / "uptime_kuma" / "certificate.json").read_bytes())["msg"]

    assert first.is_firing
    assert alert("uptime_kuma", "certificate.json", msg=text.replace("14", "7")).dedup_key == (
        first.dedup_key
    )


@pytest.mark.parametrize("name", ["test.json", "pending.json"])
def test_uptime_kuma_tests_and_doubts_open_nothing(name):
    notification = read("uptime_kuma", name)

    assert (notification.alerts, notification.notes) == ([], [])
    assert notification.remark


def test_uptime_kuma_maintenance_is_a_note():
    assert [note.dedup_key for note in read("uptime_kuma", "maintenance.json").notes] == ["12"]


def test_pingdom_keeps_what_the_team_wrote_for_the_night():
    found = alert("pingdom", "down.json")

    assert found.description == (
        "HTTP Server Error 503 Service Unavailable\nSee the runbook of the shop."
    )
    assert found.labels["tags"] == "shop,prod"


def test_pingdom_state_that_is_neither_opens_nothing():
    assert read("pingdom", "down.json", current_state="PAUSED").alerts == []


# --- Clouds ---------------------------------------------------------------------------------------


def test_google_cloud_reads_documentation_and_its_links():
    found = alert("google_cloud", "open.json")

    assert found.description.endswith("Look at the **deploys** first.")
    assert [link.label for link in found.links] == ["Google cloud", "Documentation"]
    assert (found.labels["service"], found.labels["zone"]) == ("checkout", "europe-west3-a")


def test_google_cloud_takes_severity_from_the_policy_and_documentation_as_plain_text():
    found = alert("google_cloud", "label_severity.json")

    assert found.severity_label == "high"
    assert found.description.endswith("A plain text.")


def test_google_cloud_test_opens_nothing():
    notification = read("google_cloud", "test.json")

    assert notification.alerts == []
    assert notification.remark


@pytest.mark.parametrize(
    ("call", "headers", "is_let_in"),
    [
        ("?auth_token=sesame", {}, True),
        ("", {"authorization": "Basic Z29vZ2xlOnNlc2FtZQ=="}, True),
        ("?auth_token=other", {}, False),
        ("", {}, False),
    ],
)
def test_google_cloud_asks_for_its_token_once_one_is_set(call, headers, is_let_in):
    body = (BODIES / "google_cloud" / "open.json").read_bytes()
    envelope = Envelope(body, call=call, headers=headers, secret="sesame")

    if is_let_in:
        assert ADAPTERS["google_cloud"].check(envelope).importance == Importance.CRITICAL
    else:
        with pytest.raises(IntakeError) as refusal:
            ADAPTERS["google_cloud"].check(envelope)
        assert (refusal.value.code, refusal.value.status) == ("wrong_token", 401)


def test_azure_reads_seven_digits_and_names_the_resource():
    found = alert("azure", "fired.json")

    assert found.started_at == datetime(2026, 3, 2, 9, 0, 0, 123456, tzinfo=UTC)
    assert found.labels["resource_group"] == "shop"
    assert found.labels["service"] == "checkout"


def test_azure_log_alert_links_to_its_search():
    found = alert("azure", "log_search.json")

    assert found.severity_label == "info"
    assert [link.label for link in found.links] == ["Search results"]


def test_azure_says_which_switch_is_missing():
    with pytest.raises(IntakeError, match="Turn it on in the webhook"):
        ADAPTERS["azure"].check(envelope_of("azure", "old_schema.json"))


# --- Any JSON -------------------------------------------------------------------------------------


def test_generic_several_alerts_in_one_message():
    first, second = read("generic", "several.json").alerts

    assert (first.dedup_key, first.title, first.action) == ("a-1", "Disk full", Action.TRIGGER)
    assert (second.dedup_key, second.action) == ("a-2", Action.RESOLVE)
    assert (first.labels["host"], first.labels["source"]) == ("db-1", "batch")


def test_generic_form_is_read_alike():
    found = alert("generic", "form.form")

    assert (found.title, found.severity_label) == ("Backup failed", "error")
    assert found.labels["host"] == "db-1"


def test_generic_bare_text_is_a_title():
    (found,) = ADAPTERS["generic"].read(Envelope(b"Backup of db-1 failed")).alerts

    assert found.title == "Backup of db-1 failed"


def test_generic_message_about_nothing_is_taken_in_and_set_aside():
    envelope = Envelope(b'{"x": {"y": 1}}', "application/json")

    assert ADAPTERS["generic"].check(envelope).importance == Importance.FIRING
    with pytest.raises(IntakeError, match="mapping page"):
        ADAPTERS["generic"].read(envelope)


def test_generic_mapping_says_what_its_fields_mean():
    body = (BODIES / "generic" / "nested.json").read_bytes()
    mapping = {
        "title": {"path": "payload.rule.label"},
        "key": {"path": "payload.rule.id"},
        "key_too": {"path": "payload.where.box"},
        "state": {"path": "payload.situation"},
        "resolved": ["quiet"],
        "service": {"path": 'payload.where["part.of"]'},
        "time": {"path": "payload.since"},
    }

    (found,) = ADAPTERS["generic"].read(Envelope(body, options={"mapping": mapping})).alerts

    assert (found.dedup_key, found.title) == ("17:mq-2", "Queue is long")
    assert (found.labels["service"], found.started_at) == ("checkout", STARTED)


# --- Damage ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "wrong_shape not_json"),
        (b"[]", "wrong_shape"),
        (b"{}", "wrong_shape"),
        (b"null", "wrong_shape not_json"),
        (b"{", "not_json"),
        (b"[" * 100_000, "not_json wrong_shape"),
    ],
)
def test_what_is_no_message_is_refused(kind, body, code):
    with pytest.raises(IntakeError) as refusal:
        ADAPTERS[kind].check(Envelope(body, "application/json"))

    assert refusal.value.code in code
    assert refusal.value.status == 400


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(), children),
    max_leaves=10,
)
FILES = sorted(
    (kind, path.name)
    for kind in KINDS
    for path in (BODIES / kind).iterdir()
    if path.suffix != ".query"
)


def assert_storable(notification: Notification) -> None:
    for found in notification.alerts:
        assert 0 < len(found.dedup_key) <= KEY_LENGTH
        assert 0 < len(found.title) <= 300
        assert len(found.labels) <= 100
        texts = [found.title, found.description, found.severity_label, found.dedup_key, found.text]
        for text in [*texts, *found.labels, *found.labels.values(), found.actor]:
            assert "\x00" not in text
            text.encode()
        for link in found.links:
            assert link.url.startswith("http")
    for note in notification.notes:
        (note.dedup_key + note.text + note.actor).encode()
    (notification.remark + "".join(notification.problems)).encode()


def judge(kind: str, envelope: Envelope) -> None:
    """Nothing but IntakeErrors, and nothing that a database would refuse."""
    adapter = ADAPTERS[kind]
    try:
        adapter.check(envelope)
    except IntakeError as error:
        error.message.encode()
        return
    try:
        assert_storable(adapter.read(envelope))
    except IntakeError as error:
        error.message.encode()


@pytest.mark.slow
@given(
    file=st.sampled_from(FILES),
    position=st.integers(min_value=0, max_value=2500),
    length=st.integers(min_value=0, max_value=40),
    damage=st.binary(max_size=12),
)
def test_damaged_bytes_raise_nothing_but_intake_errors(file, position, length, damage):
    kind, name = file
    whole = envelope_of(kind, name)
    body = bytearray(whole.body)
    body[position : position + length] = damage

    judge(kind, Envelope(bytes(body), whole.content_type))


@pytest.mark.slow
@given(data=st.data(), file=st.sampled_from([each for each in FILES if each[1].endswith("json")]))
def test_any_value_in_any_field_gives_what_can_be_stored(data, file):
    kind, name = file
    document = json.loads((BODIES / kind / name).read_bytes())
    inside = document
    while True:
        key = data.draw(st.sampled_from(sorted(inside)))
        if isinstance(inside[key], dict) and inside[key] and data.draw(st.booleans()):
            inside = inside[key]
            continue
        inside[key] = data.draw(JSON_VALUES)
        break

    judge(kind, Envelope(json.dumps(document).encode(), "application/json"))


@pytest.mark.slow
@given(kind=st.sampled_from(KINDS), call=st.text(max_size=60), body=st.binary(max_size=80))
def test_any_form_and_query_raise_nothing_but_intake_errors(kind, call, body):
    for content_type in (
        *TYPES.values(),
        "",
        "multipart/form-data",
        f"multipart/form-data; {call}",
    ):
        judge(kind, Envelope(body, content_type, call=f"?{call}"))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["title", "incident", "data", "heartbeat", "host", "event_tags"])
def test_deep_nesting_is_no_crash(kind, name):
    deep = b'{"' + name.encode() + b'":' + b"[" * 900 + b"]" * 900 + b"}"

    judge(kind, Envelope(deep, "application/json"))
