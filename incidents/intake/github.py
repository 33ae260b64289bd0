"""GitHub's webhooks: what was deployed, released, run and pushed (WIRE-FORMATS §13).

https://docs.github.com/en/webhooks/webhook-events-and-payloads

All of it are changes; none pages anybody. GitHub tries once and gives up after ten seconds.
"""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs

import msgspec

from incidents.intake.adapter import Adapter, Guide
from incidents.intake.change_sources import (
    Ignored,
    Services,
    Workflows,
    headline,
    nothing,
    title,
)
from incidents.intake.nested import at as value_at
from incidents.intake.nested import first_at
from incidents.intake.notification import (
    Envelope,
    Glance,
    Importance,
    IntakeError,
    NormalisedChange,
    Notification,
    bounded_key,
    clean_text,
    labels_of,
    links_of,
    moment,
    record,
    unix_moment,
    word,
)
from incidents.intake.signatures import require_hmac

EVENT = "x-github-event"
WHAT = "what GitHub's webhook posts"
BRANCH = "refs/heads/"

# JSON objects of GitHub's, of which nothing but the names is certain.
type _Json = dict[str, Any]


class Options(msgspec.Struct, forbid_unknown_fields=True):
    services: Services = {}
    workflows: Workflows = []
    ignored_environments: Ignored = []


def check(envelope: Envelope) -> Glance:
    """Raise IntakeError if it is not signed as agreed, or nothing that GitHub posts."""
    require_hmac(envelope, "X-Hub-Signature-256", prefix="sha256=")
    _body(envelope)
    return Glance(Importance.LATER)


def read(envelope: Envelope) -> Notification:
    body = _body(envelope)
    event = word(envelope.headers.get(EVENT)) or _guessed(body)
    if event == "ping":
        return Notification(remark="GitHub's greeting: the webhook is set up.")
    reader = _READERS.get(event)
    change = reader(body, msgspec.convert(dict(envelope.options), Options)) if reader else None
    return Notification(changes=[change]) if change else nothing(event or "this message")


def _body(envelope: Envelope) -> _Json:
    """The JSON, which GitHub wraps in a form unless told otherwise."""
    if not envelope.content_type.startswith("application/x-www-form-urlencoded"):
        return record(envelope.body, WHAT)
    try:
        text = parse_qs(envelope.body.decode("utf-8", "replace"), max_num_fields=10)["payload"][0]
    except (KeyError, ValueError):
        raise IntakeError("wrong_shape", "The form has no field “payload”.") from None
    return record(text.encode("utf-8", "replace"), WHAT)


def _guessed(body: _Json) -> str:
    """The event of a message whose header a relay dropped."""
    return next((name for name in _READERS if name in body), "push" if "commits" in body else "")


def _repository(body: _Json) -> str:
    return clean_text(value_at(body, "repository", "full_name"), 200)


def _key(kind: str, identity: object) -> str:
    if not (key := bounded_key(identity)):
        raise IntakeError("no_key", f"The {kind} has no id to tell it apart by.")
    return f"{kind}:{key}"


def _deployment(body: _Json, options: Options) -> NormalisedChange | None:
    """A deployment, and each state that it comes to; the last one told stands."""
    deployment = value_at(body, "deployment")
    status = value_at(body, "deployment_status")
    environment = clean_text(
        first_at(status, "environment") or value_at(deployment, "environment"), 100
    )
    if environment in options.ignored_environments:
        return None
    ref = first_at(deployment, "ref", "sha")
    return NormalisedChange(
        key=_key("deployment", value_at(deployment, "id")),
        title=title(["Deploy", _short(ref), "to", environment or "an environment"]),
        kind="deployment",
        state=word(value_at(status, "state")) or "created",
        environment=environment,
        source=_repository(body),
        actor=clean_text(first_at(status, "creator.login") or first_at(body, "sender.login"), 200),
        at=moment(
            first_at(status, "updated_at", "created_at") or value_at(deployment, "created_at")
        ),
        links=links_of(
            deployment=first_at(status, "target_url", "log_url"),
            environment=value_at(status, "environment_url"),
            commit=_commit_url(body, value_at(deployment, "sha")),
        ),
        labels=labels_of(
            ref=value_at(deployment, "ref"),
            commit=value_at(deployment, "sha"),
            task=value_at(deployment, "task"),
            about=first_at(status, "description") or value_at(deployment, "description"),
        ),
    )


def _run(body: _Json, options: Options) -> NormalisedChange | None:
    """A finished workflow run: of the workflows chosen, or of any on the default branch."""
    run = value_at(body, "workflow_run")
    name = clean_text(first_at(run, "name") or value_at(body, "workflow", "name"), 200)
    branch = value_at(run, "head_branch")
    if body.get("action") != "completed":
        return None
    if options.workflows and name not in options.workflows:
        return None
    if not options.workflows and branch != value_at(body, "repository", "default_branch"):
        return None
    return NormalisedChange(
        key=_key("run", value_at(run, "id")),
        title=title([name or "Workflow", "on", branch]),
        kind="workflow",
        state=word(value_at(run, "conclusion")),
        source=_repository(body),
        actor=clean_text(first_at(run, "triggering_actor.login", "actor.login"), 200),
        at=moment(first_at(run, "updated_at", "created_at")),
        links=links_of(
            run=value_at(run, "html_url"), commit=_commit_url(body, value_at(run, "head_sha"))
        ),
        labels=labels_of(
            ref=branch,
            commit=value_at(run, "head_sha"),
            about=headline(value_at(run, "head_commit", "message")),
        ),
    )


def _release(body: _Json, options: Options) -> NormalisedChange | None:
    release = value_at(body, "release")
    if body.get("action") not in ("published", "released", "prereleased"):
        return None
    tag = clean_text(value_at(release, "tag_name"), 100)
    return NormalisedChange(
        key=_key("release", value_at(release, "id")),
        title=title(["Release", first_at(release, "name") or tag]),
        kind="release",
        state="prerelease" if value_at(release, "prerelease") is True else "published",
        source=_repository(body),
        actor=clean_text(first_at(release, "author.login"), 200),
        at=moment(first_at(release, "published_at", "created_at")),
        links=links_of(release=value_at(release, "html_url")),
        labels=labels_of(ref=tag),
    )


def _push(body: _Json, options: Options) -> NormalisedChange | None:
    """A push to the default branch; other branches, tags and deletions are left out."""
    branch = clean_text(body.get("ref"), 200).removeprefix(BRANCH)
    default = first_at(body, "repository.default_branch", "repository.master_branch")
    if body.get("deleted") is True or branch != default:
        return None
    commits = body.get("commits")
    count = len(commits) if isinstance(commits, list) else 0
    more = f"and {count - 1} more" if count > 1 else ""
    return NormalisedChange(
        key=_key("push", body.get("after")),
        title=title([headline(value_at(body, "head_commit", "message")) or "Push", more]),
        kind="push",
        state="pushed",
        source=_repository(body),
        actor=clean_text(first_at(body, "pusher.name", "sender.login"), 200),
        at=moment(value_at(body, "head_commit", "timestamp"))
        or unix_moment(value_at(body, "repository", "pushed_at")),
        links=links_of(comparison=body.get("compare")),
        labels=labels_of(ref=branch, commit=body.get("after")),
    )


def _commit_url(body: _Json, sha: object) -> str:
    """The page of a commit; built here, since deployments only link to the API."""
    page, name = value_at(body, "repository", "html_url"), clean_text(sha, 64)
    return f"{page}/commit/{name}" if isinstance(page, str) and name.isalnum() else ""


def _short(ref: object) -> str:
    """A ref, and a commit's hash as people quote it."""
    text = clean_text(ref, 200)
    is_hash = len(text) == 40 and all(letter in "0123456789abcdef" for letter in text)
    return text[:10] if is_hash else text


_READERS: dict[str, Callable[[_Json, Options], NormalisedChange | None]] = {
    "deployment_status": _deployment,
    "deployment": _deployment,
    "workflow_run": _run,
    "release": _release,
    "push": _push,
}


def sample(at: datetime) -> Envelope:
    body = {
        "deployment": {"id": 1, "ref": "main", "environment": "trial"},
        "deployment_status": {"state": "success", "updated_at": f"{at:%Y-%m-%dT%H:%M:%SZ}"},
        "repository": {"full_name": "example/trial"},
        "sender": {"login": "trial"},
    }
    headers = {EVENT: "deployment_status"}
    return Envelope(json.dumps(body).encode(), "application/json", headers)


ADAPTER = Adapter(
    kind="github",
    label="GitHub (changes)",
    check=check,
    read=read,
    sample=sample,
    kept_headers=(EVENT, "x-github-delivery"),
    secret="Secret",  # noqa: S106 (the name of the field in GitHub)
    options=Options,
    guide=Guide(
        steps=(
            "In the repository or the organisation open Settings, Webhooks, Add webhook. Payload"
            " URL: {url} Content type: application/json.",
            "Enter a secret there, and the same as this integration's secret.",
            "Choose “Let me select individual events”: Deployment statuses, Releases, Workflow"
            " runs, Pushes. Leave out what you do not want to see beside incidents.",
            "Nothing of it pages anybody. It is shown on the page of every incident of the services"
            " concerned, and of those that depend on them.",
        ),
    ),
)
