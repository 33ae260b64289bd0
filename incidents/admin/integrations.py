"""Ways in for monitors: making them, their keys, and how to connect."""

from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import action, display

from incidents.models import Integration
from roster.admin_base import MusterModelAdmin, actor_of, refusals_as_messages
from roster.templatetags.muster import chip, moment


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
