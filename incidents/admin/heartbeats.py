"""Heartbeats: what must be heard of again and again, how it stands, and how it is pinged."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.forms import ModelForm
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminSelectWidget

from incidents import heartbeats
from incidents.connecting import KEY_UNKNOWN
from incidents.intake import Snippet, heartbeat, opsgenie
from incidents.models import Heartbeat, Severity
from roster.actors import Actor
from roster.admin_base import MusterModelAdmin, actor_of, change_each, refusals_as_messages
from roster.templatetags.muster import chip, countdown, moment

TONES = {
    Heartbeat.State.WAITING: "gray",
    Heartbeat.State.ALIVE: "green",
    Heartbeat.State.MISSING: "red",
    Heartbeat.State.FAILED: "red",
    Heartbeat.State.PAUSED: "amber",
}
# Whose integrations can be pinged by name.
PINGED_KINDS = (heartbeat.KIND, opsgenie.KIND)


class HeartbeatForm(ModelForm):
    """A heartbeat; its severity is chosen among ours."""

    severity_label = forms.ChoiceField(
        label="Severity", required=False, widget=UnfoldAdminSelectWidget
    )

    class Meta:
        model = Heartbeat
        fields = ("name", "integration", "slug", "every_minutes", "grace_minutes", "severity_label")
        labels = {"every_minutes": "Expected every, minutes", "grace_minutes": "Grace, minutes"}
        help_texts = {
            "every_minutes": "60 is an hour, 1440 a day.",
            "grace_minutes": "How late it may be before its silence is an alarm.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # as ModelForm
        super().__init__(*args, **kwargs)
        if "severity_label" in self.fields:
            severities = Severity.objects.order_by("rank").values_list("slug", "name")
            choices = [("", "As its integration has it"), *severities]
            self.fields["severity_label"].choices = choices  # type: ignore[attr-defined]
        if "integration" in self.fields:
            active = self.fields["integration"].queryset.active()  # type: ignore[attr-defined]
            pinged = active.filter(kind__in=PINGED_KINDS)
            self.fields["integration"].queryset = pinged  # type: ignore[attr-defined]


def ping_lines(row: Heartbeat) -> list[Snippet]:
    """What the job calls, to be pasted; the key itself is shown only when it is made."""
    base = settings.PUBLIC_URL
    if row.integration.kind == heartbeat.KIND:
        address = f"{base}/ingest/{KEY_UNKNOWN}/{row.slug}"
        call = "curl -fsS -m 10 --retry 5"
        return [
            Snippet("It is well", f"{call} {address}"),
            Snippet("With the job's exit status: 0 is well", f"YOUR-JOB; {call} {address}/$?"),
            Snippet("It failed", f"{call} {address}/fail"),
        ]
    if row.integration.kind == opsgenie.KIND:
        address = f"{base}/v2/heartbeats/{row.slug}/ping"
        return [Snippet("It is well", f"curl {address} -H 'Authorization: GenieKey {KEY_UNKNOWN}'")]
    return []


@admin.register(Heartbeat)
class HeartbeatAdmin(MusterModelAdmin):
    """Heartbeats, how they stand, and how each is pinged."""

    list_display = ("name", "state_shown", "last_ping", "next_due", "expected", "integration")
    list_filter = ("state", "integration")
    list_select_related = ("integration",)
    search_fields = ("name", "slug")
    ordering = ("name", "pk")

    form = HeartbeatForm
    fieldsets = (
        (None, {"fields": ("name", ("integration", "slug"))}),
        (
            "When its silence is an alarm",
            {"fields": (("every_minutes", "grace_minutes"), "severity_label")},
        ),
    )
    prepopulated_fields = {"slug": ("name",)}
    change_form_outer_before_template = "admin/incidents/heartbeat/overview.html"
    actions = ("pause_selected", "resume_selected")
    actions_detail = ("pause", "resume")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Heartbeat]:
        return super().get_queryset(request).select_related("integration__service")

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        """Its address is written down in the job."""
        return ("integration", "slug") if obj else ()

    def get_prepopulated_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        return {} if obj else dict(self.prepopulated_fields)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, object] | None = None,
    ) -> HttpResponse:
        row = self.get_object(request, object_id) if self.has_view_permission(request) else None
        shown = {"lines": ping_lines(row), "tone": TONES[Heartbeat.State(row.state)]} if row else {}
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **shown})

    def save_model(
        self, request: HttpRequest, obj: Heartbeat, form: ModelForm, change: bool
    ) -> None:
        """Its state is its pings' business, which may come in at this moment."""
        if not change:
            super().save_model(request, obj, form, change)
            return
        obj.save(update_fields=form.changed_data or ["name"])
        if {"every_minutes", "grace_minutes"} & set(form.changed_data):
            heartbeats.reschedule(obj, at=timezone.now())

    def delete_model(self, request: HttpRequest, obj: Heartbeat) -> None:
        heartbeats.remove(obj, by=actor_of(request), at=timezone.now())

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Heartbeat]) -> None:
        for row in queryset:
            self.delete_model(request, row)

    # --- Actions ----------------------------------------------------------------------------------

    def has_pause_permission(self, request: HttpRequest, object_id: str = "") -> bool:
        """Also whether there is something to pause: the button is shown only then.

        Who presses it too late is told so by the refusal.
        """
        return self._may(request, object_id, set(Heartbeat.State) - {Heartbeat.State.PAUSED})

    def has_resume_permission(self, request: HttpRequest, object_id: str = "") -> bool:
        return self._may(request, object_id, {Heartbeat.State.PAUSED, Heartbeat.State.WAITING})

    def _may(self, request: HttpRequest, object_id: str, states: set[Heartbeat.State]) -> bool:
        if not self.has_change_permission(request):
            return False
        if not object_id or request.method == "POST":
            return True
        return Heartbeat.objects.filter(pk=object_id, state__in=states).exists()

    @admin.action(description="Pause", permissions=["pause"])
    def pause_selected(self, request: HttpRequest, rows: QuerySet[Heartbeat]) -> None:
        by, now = actor_of(request), timezone.now()
        done = "{} no longer expected."
        change_each(request, rows, lambda row: heartbeats.pause(row, by=by, at=now), done=done)

    @admin.action(description="Watch from now on", permissions=["resume"])
    def resume_selected(self, request: HttpRequest, rows: QuerySet[Heartbeat]) -> None:
        by, now = actor_of(request), timezone.now()
        done = "{} watched from now on."
        change_each(request, rows, lambda row: heartbeats.resume(row, by=by, at=now), done=done)

    @action(
        description="Pause",
        url_path="pause",
        icon="pause",
        permissions=["pause"],
        dialog={
            "title": "Expect it no longer?",
            "description": "Until it is watched again, its silence is no alarm. An alert about it"
            " resolves.",
            "form_submit_text": "Pause",
        },
    )
    def pause(self, request: HttpRequest, form: object, object_id: str) -> HttpResponse:
        return self._do(request, object_id, heartbeats.pause, "{} is paused.")

    @action(
        description="Watch from now on",
        url_path="resume",
        icon="play_arrow",
        permissions=["resume"],
        dialog={
            "title": "Watch it from now on?",
            "description": "Its next sign of life, the first one too, is expected within its time.",
            "form_submit_text": "Watch it",
        },
    )
    def resume(self, request: HttpRequest, form: object, object_id: str) -> HttpResponse:
        return self._do(request, object_id, heartbeats.resume, "{} is watched from now on.")

    def _do(
        self, request: HttpRequest, object_id: str, change: Callable[..., None], done: str
    ) -> HttpResponse:
        row = self.get_object(request, object_id)
        if row is None:
            raise Http404("There is no such heartbeat.")
        by: Actor = actor_of(request)
        with refusals_as_messages(request):
            change(row, by=by, at=timezone.now())
            messages.success(request, done.format(row))
        to = request.path.rsplit("/", 2)[0] + "/change/"
        return HttpResponse(headers={"HX-Redirect": to})

    # --- List -------------------------------------------------------------------------------------

    @display(description="State", ordering="state")
    def state_shown(self, row: Heartbeat) -> SafeString:
        return chip(row.get_state_display(), TONES[Heartbeat.State(row.state)])

    @display(description="Last sign of life", ordering="last_ping_at")
    def last_ping(self, row: Heartbeat) -> SafeString | str:
        return moment(row.last_ping_at) if row.last_ping_at else "Never"

    @display(description="Alarm, if silent", ordering="due_at")
    def next_due(self, row: Heartbeat) -> SafeString | str:
        return countdown(row.due_at)

    @display(description="Expected", ordering="every_minutes")
    def expected(self, row: Heartbeat) -> str:
        return f"every {_span(row.every_minutes)}, {_span(row.grace_minutes)} grace"


def _span(minutes: int) -> str:
    """Minutes as people say them: 5 min, 24 h, 7 d."""
    if minutes > 24 * 60 and minutes % (24 * 60) == 0:
        return f"{minutes // (24 * 60)} d"
    return f"{minutes // 60} h" if minutes and minutes % 60 == 0 else f"{minutes} min"
