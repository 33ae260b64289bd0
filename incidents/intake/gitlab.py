"""GitLab: its webhooks about changes, and alerts in the shape of its own alert intake (§13).

https://docs.gitlab.com/user/project/integrations/webhook_events/
https://docs.gitlab.com/operations/incident_management/integrations/

Hooks are changes and page nobody. A body that is no hook is an alert: tools that can send to
GitLab's alert endpoint can send here instead.
"""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any
from zlib import crc32

import msgspec

from incidents.intake.adapter import Adapter, Answer, Guide, Snippet, answer, bearer
from incidents.intake.change_sources import (
    Ignored,
    Services,
    Workflows,
    headline,
    nothing,
    title,
)
from incidents.intake.nested import at as value_at
from incidents.intake.nested import first_at, objects_at
from incidents.intake.notification import (
    LABEL_LENGTH,
    TITLE_LENGTH,
    Action,
    Envelope,
    Glance,
    Importance,
    IntakeError,
    NormalisedAlert,
    NormalisedChange,
    Notification,
    bounded_key,
    clean_labels,
    clean_text,
    hashed_key,
    labels_of,
    links_of,
    moment,
    record,
    word,
)
from incidents.intake.signatures import is_same, require_token, unsigned

EVENT = "x-gitlab-event"
WHAT = "what GitLab's webhook posts, or an alert as GitLab takes it"
BRANCH = "refs/heads/"
NO_COMMIT = "0" * 40
FINISHED = ("success", "failed", "canceled", "cancelled", "skipped")
# What GitLab computes a missing fingerprint without, since it differs between start and end.
NOT_IN_FINGERPRINT = ("start_time", "end_time", "hosts")
_ALERT_FIELDS = (
    "title", "description", "start_time", "end_time", "service", "monitoring_tool", "hosts",
    "severity", "fingerprint", "gitlab_environment_name",
)  # fmt: skip

# JSON objects of GitLab's, of which nothing but the names is certain.
type _Json = dict[str, Any]


class Options(msgspec.Struct, forbid_unknown_fields=True):
    services: Services = {}
    workflows: Workflows = []
    ignored_environments: Ignored = []


def check(envelope: Envelope) -> Glance:
    """Raise IntakeError if it does not carry the secret, or is no JSON object."""
    body = record(envelope.body, WHAT)
    if _is_hook(envelope, body):
        require_token(envelope, "X-Gitlab-Token")
        return Glance(Importance.LATER)
    _require_authorization(envelope)
    is_over = body.get("end_time") not in (None, "")
    return Glance(Importance.LATER if is_over else Importance.FIRING)


def _is_hook(envelope: Envelope, body: _Json) -> bool:
    return bool(envelope.headers.get(EVENT)) or isinstance(body.get("object_kind"), str)


def _require_authorization(envelope: Envelope) -> None:
    """Alerts carry the secret as GitLab's alert endpoint wants it; the hooks' header passes too."""
    given = bearer(envelope, "bearer") or envelope.headers.get("x-gitlab-token", "")
    if envelope.secret and not is_same(given, envelope.secret):
        raise unsigned("The header Authorization does not hold this integration's secret.")


def read(envelope: Envelope) -> Notification:
    body = record(envelope.body, WHAT)
    if not _is_hook(envelope, body):
        return Notification([_alert(body)])
    kind = word(body.get("object_kind")) or word(envelope.headers.get(EVENT)).removesuffix(" hook")
    reader = _READERS.get(kind)
    change = reader(body, msgspec.convert(dict(envelope.options), Options)) if reader else None
    return Notification(changes=[change]) if change else nothing(kind)


def accepted(envelope: Envelope, glance: Glance) -> Answer:
    """As GitLab answers: a list of alerts for an alert, of which the number is of our making."""
    try:
        body = record(envelope.body, WHAT)
    except IntakeError:
        return answer(200, [])
    if _is_hook(envelope, body):
        return answer(200, {"status": "accepted"})
    return answer(200, [{"iid": crc32(_fingerprint(body).encode()), "title": _alert_title(body)}])


# --- Alerts --------------------------------------------------------------------------------------


def _alert(body: _Json) -> NormalisedAlert:
    ended_at = _moment(body.get("end_time"))
    is_over = body.get("end_time") not in (None, "")
    others = {name: value for name, value in body.items() if name not in _ALERT_FIELDS}
    hosts = body.get("hosts")
    return NormalisedAlert(
        dedup_key=_fingerprint(body),
        action=Action.RESOLVE if is_over else Action.TRIGGER,
        title=_alert_title(body),
        description=clean_text(body.get("description")),
        # Without one GitLab takes an alert for critical, and those who send it count on that.
        severity_label=word(body.get("severity")) or "critical",
        labels=clean_labels(others)
        | labels_of(
            service=body.get("service"),
            monitoring_tool=body.get("monitoring_tool"),
            hosts=", ".join(clean_text(host, 200) for host in hosts[:50])
            if isinstance(hosts, list)
            else hosts,
            environment=body.get("gitlab_environment_name"),
        ),
        started_at=_moment(body.get("start_time")),
        ended_at=ended_at,
    )


def _alert_title(body: _Json) -> str:
    return clean_text(clean_text(body.get("title")).strip() or "New: Alert", TITLE_LENGTH)


def _fingerprint(body: _Json) -> str:
    given = body.get("fingerprint")
    if isinstance(given, list):
        given = json.dumps([clean_text(part, LABEL_LENGTH) for part in given[:100]])
    if key := bounded_key(given):
        return key
    same = {name: value for name, value in body.items() if name not in NOT_IN_FINGERPRINT}
    try:
        return hashed_key(json.dumps(same, sort_keys=True))
    except (RecursionError, ValueError):
        return hashed_key(_alert_title(body))


# --- Changes -------------------------------------------------------------------------------------


def _project(body: _Json) -> str:
    return clean_text(first_at(body, "project.path_with_namespace"), 200)


def _key(kind: str, identity: object) -> str:
    if not (key := bounded_key(identity)):
        raise IntakeError("no_key", f"The {kind} has no id to tell it apart by.")
    return f"{kind}:{key}"


def _moment(value: object) -> datetime | None:
    """GitLab also writes `2026-01-31 12:00:00 UTC`, and `2026-01-31 13:00:00 +0100`."""
    if isinstance(value, str):
        value = value.replace(" UTC", "Z").replace(" +", "+").replace(" -", "-")
    return moment(value)


def _deployment(body: _Json, options: Options) -> NormalisedChange | None:
    """A deployment, and each state that it comes to; the last one told stands."""
    environment = clean_text(body.get("environment"), 100)
    if environment in options.ignored_environments:
        return None
    ref = first_at(body, "ref", "short_sha")
    return NormalisedChange(
        key=_key("deployment", first_at(body, "deployment_id", "deployable_id")),
        title=title(["Deploy", ref, "to", environment or "an environment"]),
        kind="deployment",
        state=word(body.get("status")),
        environment=environment,
        source=_project(body),
        actor=clean_text(first_at(body, "user.name", "user.username"), 200),
        at=_moment(body.get("status_changed_at")),
        links=links_of(
            deployment=body.get("deployable_url"),
            environment=body.get("environment_external_url"),
            commit=body.get("commit_url"),
        ),
        labels=labels_of(
            ref=body.get("ref"),
            commit=body.get("short_sha"),
            tier=body.get("environment_tier"),
            about=headline(body.get("commit_title")),
        ),
    )


def _pipeline(body: _Json, options: Options) -> NormalisedChange | None:
    """A finished pipeline: of the names chosen, or any on the default branch."""
    run = value_at(body, "object_attributes")
    name, branch = clean_text(value_at(run, "name"), 200), value_at(run, "ref")
    if word(value_at(run, "status")) not in FINISHED:
        return None
    if options.workflows and name not in options.workflows:
        return None
    if not options.workflows and branch != value_at(body, "project", "default_branch"):
        return None
    return NormalisedChange(
        key=_key("pipeline", value_at(run, "id")),
        title=title([name or "Pipeline", "on", branch]),
        kind="pipeline",
        state=word(value_at(run, "status")),
        source=_project(body),
        actor=clean_text(first_at(body, "user.name", "user.username"), 200),
        at=_moment(first_at(run, "finished_at", "created_at")),
        links=links_of(run=value_at(run, "url"), commit=first_at(body, "commit.url")),
        labels=labels_of(
            ref=branch,
            commit=value_at(run, "sha"),
            about=headline(value_at(body, "commit", "message")),
        ),
    )


def _release(body: _Json, options: Options) -> NormalisedChange | None:
    if body.get("action") == "delete":
        return None
    return NormalisedChange(
        key=_key("release", body.get("id")),
        title=title(["Release", first_at(body, "name", "tag")]),
        kind="release",
        state="published",
        source=_project(body),
        actor=clean_text(first_at(body, "commit.author.name"), 200),
        at=_moment(first_at(body, "released_at", "created_at")),
        links=links_of(release=body.get("url")),
        labels=labels_of(ref=body.get("tag")),
    )


def _push(body: _Json, options: Options) -> NormalisedChange | None:
    """A push to the default branch; other branches and deletions are left out."""
    branch = clean_text(body.get("ref"), 200).removeprefix(BRANCH)
    if branch != value_at(body, "project", "default_branch") or body.get("after") == NO_COMMIT:
        return None
    commits = objects_at(body, "commits")
    newest = commits[-1] if commits else {}
    count = body.get("total_commits_count")
    more = f"and {count - 1} more" if isinstance(count, int) and count > 1 else ""
    return NormalisedChange(
        key=_key("push", body.get("after")),
        title=title([headline(newest.get("message")) or "Push", more]),
        kind="push",
        state="pushed",
        source=_project(body),
        actor=clean_text(first_at(body, "user_name", "user_username"), 200),
        at=_moment(newest.get("timestamp")),
        links=links_of(commit=newest.get("url")),
        labels=labels_of(ref=branch, commit=body.get("after")),
    )


_READERS: dict[str, Callable[[_Json, Options], NormalisedChange | None]] = {
    "deployment": _deployment,
    "pipeline": _pipeline,
    "release": _release,
    "push": _push,
}


def sample(at: datetime) -> Envelope:
    body = {
        "object_kind": "deployment",
        "status": "success",
        "status_changed_at": f"{at:%Y-%m-%d %H:%M:%S} UTC",
        "deployment_id": 1,
        "environment": "trial",
        "ref": "main",
        "project": {"path_with_namespace": "example/trial"},
        "user": {"name": "Trial"},
    }
    headers = {EVENT: "Deployment Hook"}
    return Envelope(json.dumps(body).encode(), "application/json", headers)


ADAPTER = Adapter(
    kind="gitlab",
    label="GitLab (changes and alerts)",
    check=check,
    read=read,
    accepted=accepted,
    sample=sample,
    kept_headers=(EVENT, "x-gitlab-event-uuid"),
    secret="Secret token",  # noqa: S106 (the name of the field in GitLab)
    options=Options,
    guide=Guide(
        steps=(
            "In the project or the group open Settings, Webhooks, Add new webhook. URL: {url}",
            "Enter a secret token there, and the same as this integration's secret.",
            "Tick Deployment events, Releases events, Pipeline events, Push events (all branches:"
            " only the default one is kept). Leave out what you do not want beside incidents.",
            "Nothing of it pages anybody. What used to send alerts to GitLab can send them here as"
            " they are: the body stays, the authorization key is this integration's secret.",
        ),
        snippets=(
            Snippet(
                "An alert in GitLab's shape",
                """\
curl -sS {url} -H 'Content-Type: application/json' \\
  --data '{"title": "Disk is full", "severity": "high", "fingerprint": "db-1-disk"}'""",
                "The same with end_time ends it.",
            ),
        ),
    ),
)
