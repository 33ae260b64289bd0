from django.contrib import admin
from django.db.models import Count, Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils import timezone
from unfold.decorators import action, display

from comms import outbox
from comms.admin_views import approve_update, preview_template, retry_message, send_update
from comms.models import (
    Audience,
    Message,
    MessageState,
    Promise,
    PromiseState,
    Template,
    Update,
    UpdateState,
)
from roster.admin.history import HistoryAdmin
from roster.admin_base import ReadOnlyModelAdmin, actor_of, change_each


@admin.register(Template)
class TemplateAdmin(HistoryAdmin):
    list_display = ("name", "purpose", "audience_kind", "phase", "severity", "is_active")
    list_filter = ("purpose", "audience_kind", "phase", "is_active")
    list_select_related = ("severity",)
    search_fields = ("name", "slug", "subject")
    ordering = ("purpose", "audience_kind", "name")
    prepopulated_fields = {"slug": ("name",)}
    fields = (
        ("name", "slug"),
        ("purpose", "audience_kind"),
        ("phase", "severity", "channel"),
        "subject",
        "body",
        "is_active",
    )
    change_form_outer_before_template = "admin/comms/template/links.html"

    def get_urls(self) -> list[URLPattern]:
        preview = path(
            "<int:pk>/preview/",
            self.admin_site.admin_view(preview_template),
            name="comms_template_preview",
        )
        return [preview, *super().get_urls()]


@admin.register(Audience)
class AudienceAdmin(HistoryAdmin):
    list_display = (
        "name",
        "kind",
        "min_severity",
        "told_at_declare",
        "requires_approval",
        "is_active",
    )
    list_filter = ("kind", "told_at_declare", "requires_approval", "is_active")
    list_select_related = ("min_severity",)
    search_fields = ("name", "slug")
    ordering = ("kind", "name")
    prepopulated_fields = {"slug": ("name",)}
    autocomplete_fields = ("teams", "people", "services")
    fieldsets = (
        (None, {"fields": (("name", "slug"), "kind", "description", "is_active")}),
        ("Who", {"fields": ("teams", "people", "addresses")}),
        (
            "When",
            {"fields": ("min_severity", "services", "told_at_declare", "requires_approval")},
        ),
    )


class VisibleOnlyAdmin(ReadOnlyModelAdmin):
    """Rows of an incident show to those who may see the incident, and to nobody else."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Model]:
        rows: QuerySet[Model] = super().get_queryset(request).visible_to(request.user)
        return rows


@admin.register(Update)
class UpdateAdmin(VisibleOnlyAdmin):
    """What was said to whom. Written, approved and sent on the incident's page."""

    list_display = ("subject", "incident", "kind", "shown_state", "author_name", "sent_at", "told")
    list_filter = ("kind", "state")
    list_select_related = ("incident",)
    search_fields = ("subject", "incident__title")
    ordering = ("-created_at",)
    fields = (
        ("incident", "kind", "state"),
        "subject",
        "body",
        "audiences",
        ("author_name", "created_at"),
        ("approved_by_name", "approved_at"),
        ("sent_at", "next_update_due_at", "is_last"),
    )

    change_form_outer_before_template = "admin/comms/update/buttons.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Model]:
        updates: QuerySet[Model] = super().get_queryset(request)
        return updates.annotate(recipients=Count("messages"))

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [
            path("<int:pk>/approve/", wrap(approve_update), name="comms_update_approve"),
            path("<int:pk>/send/", wrap(send_update), name="comms_update_send"),
            *super().get_urls(),
        ]

    @display(
        description="State",
        ordering="state",
        label={
            UpdateState.DRAFT.label: "warning",
            UpdateState.APPROVED.label: "info",
            UpdateState.SENT.label: "success",
        },
    )
    def shown_state(self, update: Update) -> str:
        return update.get_state_display()

    @display(description="Recipients")
    def told(self, update: Update) -> int:
        count: int = update.recipients  # type: ignore[attr-defined]  # annotated above
        return count


@admin.register(Promise)
class PromiseAdmin(VisibleOnlyAdmin):
    list_display = ("incident", "kind", "promised_for", "shown_state", "reminders_sent", "ended_at")
    list_filter = ("state", "kind")
    list_select_related = ("incident",)
    search_fields = ("incident__title",)
    ordering = ("-promised_for",)
    fields = (
        ("incident", "kind"),
        ("promised_for", "state"),
        ("made_at", "made_by_update"),
        ("reminders_sent", "due_at", "ended_at"),
    )

    @display(
        description="State",
        ordering="state",
        label={
            PromiseState.OPEN.label: "info",
            PromiseState.KEPT.label: "success",
            PromiseState.MISSED.label: "danger",
        },
    )
    def shown_state(self, promise: Promise) -> str:
        return promise.get_state_display()


@admin.register(Message)
class MessageAdmin(VisibleOnlyAdmin):
    """The outbox. Addresses of people show only to those who may see contact methods."""

    list_display = (
        "subject",
        "to",
        "channel",
        "shown_state",
        "incident",
        "created_at",
        "sent_at",
        "last_error",
    )
    list_filter = ("state", "channel", "possibly_sent_twice")
    list_select_related = ("incident", "person")
    search_fields = ("subject", "person__name", "incident__title")
    ordering = ("-created_at",)
    actions = ("retry",)
    change_form_outer_before_template = "admin/comms/message/retry.html"

    def get_fields(self, request: HttpRequest, obj: Message | None = None) -> tuple[object, ...]:
        sees_address = obj and (
            obj.person_id is None or request.user.has_perm("roster.view_contactmethod")
        )
        return (
            ("subject", "state"),
            ("person", "channel", *(["recipient"] if sees_address else [])),
            "shown_body",
            ("incident", "update"),
            ("created_at", "sent_at", "due_at"),
            ("attempts", "give_up_at", "possibly_sent_twice"),
            ("last_error", "provider_response"),
            "key",
        )

    def get_urls(self) -> list[URLPattern]:
        retry = path(
            "<int:pk>/retry/",
            self.admin_site.admin_view(retry_message),
            name="comms_message_retry",
        )
        return [retry, *super().get_urls()]

    def has_retry_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("comms.retry_message")

    @action(description="Try again", permissions=["retry"])
    def retry(self, request: HttpRequest, messages: QuerySet[Message]) -> HttpResponse | None:
        by, at = actor_of(request), timezone.now()
        change_each(
            request,
            messages,
            lambda message: outbox.retry(message, by=by, at=at),
            done="{} will be tried again now.",
        )
        return None

    @display(description="Body")
    def shown_body(self, message: Message) -> str:
        if message.is_confidential:
            return "For its recipient's eyes only, and forgotten once it is sent."
        return message.body

    @display(description="To")
    def to(self, message: Message) -> str:
        return message.person.name if message.person else message.recipient

    @display(
        description="State",
        ordering="state",
        label={
            MessageState.QUEUED.label: "info",
            MessageState.SENDING.label: "info",
            MessageState.SENT.label: "success",
            MessageState.BUNDLED.label: "success",
            MessageState.FAILED.label: "warning",
            MessageState.DEAD.label: "danger",
        },
    )
    def shown_state(self, message: Message) -> str:
        return message.get_state_display()
