"""What monitors sent, and the alerts it became."""

import json

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.decorators import action, display

from incidents.admin.rule_pages import may_explain
from incidents.models import Alert, AlertEvent
from roster.admin_base import (
    ReadOnlyModelAdmin,
    change_each,
    refusals_as_messages,
)
from roster.templatetags.muster import chip, moment

SHOWN_BYTES = 100_000  # of an event's body; intake accepts half a megabyte


@admin.register(AlertEvent)
class AlertEventAdmin(ReadOnlyModelAdmin):
    """What monitors sent, as it arrived. What could not be read waits here for a person."""

    list_display = ("id", "received", "integration", "state_shown", "set_aside_reason")
    list_display_links = ("id", "received")
    list_filter = ("state", "integration")
    list_select_related = ("integration",)
    search_fields = ("set_aside_reason", "integration__name")
    ordering = ("-received_at", "-pk")

    fieldsets = (
        (None, {"fields": ("integration", "received", "state_shown", "set_aside_reason")}),
        ("As it arrived", {"fields": ("content_type", "sent_headers", "sent_body")}),
    )
    readonly_fields = ("received", "state_shown", "sent_headers", "sent_body")
    actions = ("retry_selected",)
    actions_detail = ("explain", "retry")

    def has_retry_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return request.user.has_perm("incidents.change_alertevent")

    def has_explain_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return may_explain(request)

    @action(description="Explain", icon="troubleshoot", permissions=["explain"])
    def explain(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return redirect(f"{reverse('admin:incidents_explain')}?event={object_id}")

    @admin.action(description="Process again", permissions=["retry"])
    def retry_selected(self, request: HttpRequest, events: QuerySet[AlertEvent]) -> None:
        now = timezone.now()
        change_each(
            request,
            events,
            lambda event: event.retry(at=now),
            done="{} will be processed again in a moment.",
        )

    @action(
        description="Process again",
        url_path="retry",
        icon="replay",
        permissions=["retry"],
        dialog={
            "title": "Process this event again?",
            "description": "For after a fix: a rule, a service, or Muster itself.",
            "form_submit_text": "Process again",
        },
    )
    def retry(self, request: HttpRequest, form: object, object_id: str) -> HttpResponse:
        event = self.get_object(request, object_id)
        if event is None:
            raise Http404("There is no such event.")
        with refusals_as_messages(request):
            event.retry(at=timezone.now())
            messages.success(request, "The event will be processed again in a moment.")
        return HttpResponse(headers={"HX-Redirect": request.path.replace("/retry/", "/change/")})

    @display(description="Received", ordering="received_at")
    def received(self, event: AlertEvent) -> SafeString | str:
        return moment(event.received_at)

    @display(description="State", ordering="state")
    def state_shown(self, event: AlertEvent) -> SafeString:
        tones = {"received": "blue", "processed": "green", "set_aside": "red"}
        return chip(event.get_state_display(), tones[event.state])

    @display(description="Headers")
    def sent_headers(self, event: AlertEvent) -> SafeString:
        lines = format_html_join("\n", "{}: {}", sorted(event.headers.items()))
        return format_html('<pre class="mu-code">{}</pre>', lines)

    @display(description="Body")
    def sent_body(self, event: AlertEvent) -> SafeString:
        return format_html('<pre class="mu-code">{}</pre>', readable(bytes(event.body)))


def readable(body: bytes) -> str:
    """JSON indented, anything else as text, the very long cut with a word about it."""
    try:
        text = json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    except ValueError:
        text = body.decode(errors="replace")
    if len(text) > SHOWN_BYTES:
        return f"{text[:SHOWN_BYTES]}\n… and {len(text) - SHOWN_BYTES:,} characters more"
    return text


@admin.register(Alert)
class AlertAdmin(ReadOnlyModelAdmin):
    """What monitors report, newest first."""

    list_display = (
        "title",
        "state_shown",
        "service",
        "incident",
        "count",
        "first_seen",
        "last_seen",
    )
    list_filter = ("state", "service", "integration")
    list_select_related = ("service", "incident__severity", "integration", "suppressed_by")
    search_fields = ("title", "dedup_key", "description")
    ordering = ("-last_seen_at", "-pk")

    fields = (
        "title",
        "description",
        ("state_shown", "count", "severity_label"),
        ("service", "incident", "suppressed_by"),
        ("first_seen", "last_seen", "resolved"),
        "integration",
        "dedup_key",
        "label_list",
        "annotation_list",
    )
    readonly_fields = (
        "title",
        "description",
        "state_shown",
        "first_seen",
        "last_seen",
        "resolved",
        "label_list",
        "annotation_list",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Alert]:
        return super().get_queryset(request).visible_to(request.user)

    @display(description="State", ordering="state")
    def state_shown(self, alert: Alert) -> SafeString:
        return chip(alert.get_state_display(), "red" if alert.state == "firing" else "green")

    @display(description="First seen", ordering="first_seen_at")
    def first_seen(self, alert: Alert) -> SafeString | str:
        return moment(alert.first_seen_at)

    @display(description="Last seen", ordering="last_seen_at")
    def last_seen(self, alert: Alert) -> SafeString | str:
        return moment(alert.last_seen_at)

    @display(description="Resolved")
    def resolved(self, alert: Alert) -> SafeString | str:
        return moment(alert.resolved_at)

    @display(description="Labels")
    def label_list(self, alert: Alert) -> SafeString:
        return _pairs(alert.labels)

    @display(description="Annotations")
    def annotation_list(self, alert: Alert) -> SafeString:
        return _pairs(alert.annotations)


def _pairs(values: dict[str, str]) -> SafeString:
    lines = format_html_join("\n", "{} = {}", sorted(values.items()))
    return format_html('<pre class="mu-code">{}</pre>', lines)
