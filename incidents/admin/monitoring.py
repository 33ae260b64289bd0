"""Where alerts come in, what becomes of them, and what could not be read."""

import json
from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.admin import TabularInline
from unfold.decorators import action, display

from incidents.admin.fields import LabelsField
from incidents.models import Alert, AlertEvent, Integration, RoutingMatcher, RoutingRule
from roster.admin_base import (
    MusterModelAdmin,
    ReadOnlyModelAdmin,
    actor_of,
    change_each,
    refusals_as_messages,
)
from roster.templatetags.muster import chip, moment

SHOWN_BYTES = 100_000  # of an event's body; intake accepts half a megabyte


@admin.register(Integration)
class IntegrationAdmin(MusterModelAdmin):
    """Ways in for monitors. The key is shown once, on the page that answers issuing it."""

    list_display = ("name", "kind", "service", "severity", "key", "state", "last_heard")
    list_filter = ("kind", "service")
    list_select_related = ("service", "severity")
    search_fields = ("name", "slug", "keys__prefix")
    ordering = ("name",)

    fieldsets = (
        (None, {"fields": (("name", "slug"), "kind")}),
        (
            "Where its alerts belong, unless a rule says otherwise",
            {"fields": ("service", "severity")},
        ),
        ("Key", {"fields": ("key", "state", "created", "last_heard")}),
    )
    add_fieldsets = fieldsets[:2]
    prepopulated_fields = {"slug": ("name",)}
    readonly_fields = ("key", "state", "created", "last_heard")
    autocomplete_fields = ("service",)
    actions_detail = ("rotate_key", "revoke")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Integration]:
        return super().get_queryset(request).prefetch_related("keys")

    def has_delete_permission(self, request: HttpRequest, obj: Integration | None = None) -> bool:
        return False

    def save_model(
        self, request: HttpRequest, obj: Integration, form: ModelForm, change: bool
    ) -> None:
        if change:
            super().save_model(request, obj, form, change)
            return
        given = {
            name: getattr(obj, name) for name in ("slug", "name", "service", "kind", "severity")
        }
        issued, key = Integration.issue(**given, by=actor_of(request), at=timezone.now())
        obj.pk = issued.pk
        vars(obj)["issued_key"] = key  # for the answer to this very request

    def response_add(
        self, request: HttpRequest, obj: Integration, post_url_continue: str | None = None
    ) -> HttpResponse:
        return self._key_page(request, obj, vars(obj)["issued_key"])

    @action(description="New key", url_path="rotate-key", icon="key", permissions=["change"])
    def rotate_key(self, request: HttpRequest, object_id: str) -> HttpResponse:
        integration = self._found(request, object_id)
        if request.method == "POST":
            key = integration.rotate_key(by=actor_of(request), at=timezone.now())
            return self._key_page(request, integration, key)
        warning = (
            "The present key stops working at once: whoever uses it must be given the new one."
        )
        return self._ask(request, integration, "New key", warning, "Make a new key")

    @action(description="Revoke", url_path="revoke", icon="block", permissions=["change"])
    def revoke(self, request: HttpRequest, object_id: str) -> HttpResponse:
        integration = self._found(request, object_id)
        if request.method == "POST":
            with refusals_as_messages(request):
                integration.revoke(at=timezone.now())
                messages.success(request, f"{integration} is revoked; nothing more comes in by it.")
            return HttpResponseRedirect("../change/")
        warning = "Alerts sent with its key are refused from now on. This cannot be undone."
        return self._ask(request, integration, "Revoke", warning, "Revoke it")

    def _found(self, request: HttpRequest, object_id: str) -> Integration:
        integration = self.get_object(request, object_id)
        if integration is None:
            raise Http404("There is no such integration.")
        if not self.has_change_permission(request, integration):
            raise PermissionDenied
        return integration

    def _ask(
        self, request: HttpRequest, integration: Integration, title: str, warning: str, button: str
    ) -> HttpResponse:
        context = {"title": f"{title}: {integration}", "warning": warning, "button": button}
        return self._page(request, "confirm", integration, context)

    def _key_page(self, request: HttpRequest, integration: Integration, key: str) -> HttpResponse:
        context = {
            "title": f"Connect {integration}",
            "key": key,
            "url": f"{settings.PUBLIC_URL}/ingest/{key}/",
        }
        response = self._page(request, "key", integration, context)
        response["Cache-Control"] = "no-store"
        return response

    def _page(
        self, request: HttpRequest, name: str, integration: Integration, context: dict[str, Any]
    ) -> HttpResponse:
        base = self.admin_site.each_context(request)
        shown = {**base, "opts": self.model._meta, "original": integration, **context}
        return TemplateResponse(request, f"admin/incidents/integration/{name}.html", shown)

    @display(description="Key begins with")
    def key(self, integration: Integration) -> str:
        return f"{integration.key_prefix()}…"

    @display(description="State")
    def state(self, integration: Integration) -> SafeString:
        return chip("Revoked", "red") if integration.revoked_at else chip("Active", "green")

    @display(description="Last heard")
    def last_heard(self, integration: Integration) -> str:
        return moment(integration.last_event_at) if integration.last_event_at else "Nothing yet"

    @display(description="Issued")
    def created(self, integration: Integration) -> SafeString:
        return format_html("{} by {}", moment(integration.created_at), integration.created_by_name)


class RoutingRuleForm(ModelForm):
    """A rule, its labels as people write them."""

    group_by = LabelsField(
        label="One incident for each", help_text="Labels, with commas: cluster, job"
    )

    class Meta:
        model = RoutingRule
        fields = "__all__"  # noqa: DJ007 the admin's fieldsets name what is shown


class RoutingMatcherInline(TabularInline):
    model = RoutingMatcher
    extra = 0
    per_page = 20
    ordering = ("pk",)
    verbose_name_plural = "matches alerts with all of these labels"


@admin.register(RoutingRule)
class RoutingRuleAdmin(MusterModelAdmin):
    """Rules in the order in which they are tried; the first that matches decides."""

    list_display = (
        "name",
        "position",
        "is_active",
        "matchers_shown",
        "service",
        "severity",
        "fate",
    )
    list_filter = ("is_active", "is_suppressing", "integration", "service")
    list_select_related = ("service", "severity", "integration")
    search_fields = ("name", "suppress_reason")
    ordering = ("position", "pk")

    fieldsets = (
        (None, {"fields": ("name", ("position", "is_active"), "integration")}),
        ("What becomes of matching alerts", {"fields": (("service", "severity"), "group_by")}),
        ("Or silence them", {"fields": ("is_suppressing", "suppress_reason")}),
    )
    form = RoutingRuleForm
    autocomplete_fields = ("service", "integration")
    inlines = (RoutingMatcherInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[RoutingRule]:
        return super().get_queryset(request).prefetch_related("matchers")

    @display(description="Matches")
    def matchers_shown(self, rule: RoutingRule) -> str:
        return ", ".join(map(str, rule.matchers.all())) or "Every alert"

    @display(description="Fate")
    def fate(self, rule: RoutingRule) -> SafeString:
        return chip("Suppressed", "gray") if rule.is_suppressing else chip("Pages", "blue")


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
    actions_detail = ("retry",)

    def has_retry_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return request.user.has_perm("incidents.change_alertevent")

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
