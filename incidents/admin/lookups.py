"""Questions asked before anything is done: who handles this, and who would be called."""

from datetime import datetime

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from unfold.decorators import action

from incidents.admin import fields
from incidents.handlers import affected_components, handlers_of
from incidents.models import Incident, Service
from incidents.policy_preview import who_would_be_called
from roster.admin.policies import EscalationPolicyAdmin
from roster.admin_base import MusterModelAdmin
from roster.models import EscalationPolicy


class ServiceChoice(forms.Form):
    """Which service the question is about."""

    service = fields.one_of(
        "Service", Service.objects.order_by("name"), empty_label="Choose a service"
    )


class WhoHandlesMixin(MusterModelAdmin):
    """Adds the page that answers "who should handle this?" (R140) to the services."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.who_handles)
        return [path("who/", view, name="incidents_who"), *super().get_urls()]

    def who_handles(self, request: HttpRequest) -> HttpResponse:
        """Names now on call for the service of `?service=`, and for what it depends on."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        form = ServiceChoice(request.GET or None)
        service = form.cleaned_data["service"] if form.is_valid() else None
        answers = handlers_of(affected_components([service]), at=timezone.now()) if service else []
        context = {
            **self.admin_site.each_context(request),
            "opts": self.model._meta,
            "title": "Who handles what",
            "form": form,
            "answers": answers,
            "open_incidents": _open_incidents(request, service) if service else [],
            "sees_contacts": request.user.has_perm("roster.view_contactmethod"),
            "zone": timezone.get_current_timezone_name(),
        }
        return TemplateResponse(request, "admin/incidents/service/who.html", context)

    @action(description="Who handles what", icon="contact_phone", permissions=["view"])
    def show_who_handles(self, request: HttpRequest) -> HttpResponse:
        return redirect("admin:incidents_who")


def _open_incidents(request: HttpRequest, service: Service) -> list[Incident]:
    """What is going on there already, so that nobody starts from nothing."""
    if not request.user.has_perm("incidents.view_incident"):
        return []
    rows = Incident.objects.visible_to(request.user).open().filter(services=service)
    return list(rows.select_related("severity").order_by("severity__rank", "-detected_at")[:5])


class MomentAsked(forms.Form):
    """From which moment on; now, if left empty."""

    at = forms.DateTimeField(label="If an alert came at", required=False)

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]  # as forms.Form
        self.fields["at"].widget = fields.MomentInput()
        self.fields["at"].widget.attrs["step"] = "60"

    def moment(self) -> datetime | None:
        return self.cleaned_data.get("at") if self.is_valid() else None


class PreviewedPolicyAdmin(EscalationPolicyAdmin):
    """The policies, and who would be called by one, minute by minute.

    The fallback past a policy's steps is of this app, hence the page is, too.
    """

    actions_detail = ("show_preview",)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.preview)
        return [
            path("<int:pk>/preview/", view, name="incidents_policy_preview"),
            *super().get_urls(),
        ]

    def preview(self, request: HttpRequest, pk: int) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        policy = get_object_or_404(EscalationPolicy, pk=pk)
        now = timezone.localtime().replace(second=0, microsecond=0)
        form = MomentAsked(request.GET or None, initial={"at": now})
        at = form.moment() or now
        context = {
            **self.admin_site.each_context(request),
            "opts": self.model._meta,
            "title": f"Who would be called: {policy}",
            "policy": policy,
            "form": form,
            "at": at,
            "calls": who_would_be_called(policy, at=at),
            "zone": timezone.get_current_timezone_name(),
        }
        return TemplateResponse(request, "admin/incidents/policy/preview.html", context)

    @action(description="Who would be called", icon="conversion_path", permissions=["view"])
    def show_preview(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return redirect("admin:incidents_policy_preview", object_id)


admin.site.unregister(EscalationPolicy)
admin.site.register(EscalationPolicy, PreviewedPolicyAdmin)
