"""The pages beside the rules: trying one on the messages of the last days, explaining a message."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.utils import timezone
from unfold.widgets import UnfoldAdminTextareaWidget

from incidents.admin import fields
from incidents.admin.explain_words import Told, told
from incidents.explainer import Explanation, explain_event, explain_pasted
from incidents.models import AlertEvent, Integration, RoutingMatcher, RoutingRule
from incidents.rule_trial import LOOKED_BACK, try_rule
from roster.admin_base import MusterModelAdmin

MAY_EXPLAIN = ("incidents.view_alertevent", "incidents.view_routingrule")
BODY_LIMIT = 512 * 1024  # as intake has it


def may_explain(request: HttpRequest) -> bool:
    return request.user.has_perms(MAY_EXPLAIN)


# --- Explaining ----------------------------------------------------------------------------------


class MomentForm(forms.Form):
    """When the message would come in; that decides about maintenance and who is on call."""

    at = forms.DateTimeField(label="As if it came in at", required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # as forms.Form
        super().__init__(*args, **kwargs)
        self.fields["at"].widget = fields.MomentInput()
        self.fields["at"].widget.attrs["step"] = "60"

    def moment(self) -> datetime | None:
        return self.cleaned_data.get("at") if self.is_valid() else None


class PastedForm(MomentForm):
    """A message that is typed in: what a monitor would post to the integration."""

    integration = fields.one_of(
        "Integration", Integration.objects.active().order_by("name"), empty_label="Choose one"
    )
    body = fields.text("What the monitor sends", rows=10, max_length=BODY_LIMIT)
    call = fields.line(
        "What is called below the address",
        required=False,
        help_text="For formats that have several calls: v2/alerts/7/close?identifierType=alias",
    )
    headers = forms.CharField(
        label="Headers",
        required=False,
        widget=UnfoldAdminTextareaWidget({"rows": 3}),
        help_text="Name: value, one a line. Most formats need none.",
    )
    field_order = ("integration", "body", "at", "call", "headers")

    def clean_headers(self) -> dict[str, str]:
        found = {}
        for line in self.cleaned_data["headers"].splitlines():
            name, separator, value = line.partition(":")
            if line.strip() and not separator:
                raise forms.ValidationError(f"Write “Name: value”, not “{line[:60]}”.")
            if line.strip():
                found[name.strip()] = value.strip()
        return found


def explain_page(model_admin: MusterModelAdmin, request: HttpRequest) -> HttpResponse:
    """Explain the stored message of `?event=`, or one that is posted. Changes nothing."""
    if not may_explain(request):
        raise PermissionDenied
    if pk := request.GET.get("event"):
        return _explain_stored(model_admin, request, pk)
    now = timezone.localtime().replace(second=0, microsecond=0)
    first = {"at": now, "integration": request.GET.get("integration")}
    form = PastedForm(request.POST if request.method == "POST" else None, initial=first)
    explanation = None
    if form.is_valid():
        given = form.cleaned_data
        explanation = explain_pasted(
            given["integration"],
            given["body"].encode(),
            user=request.user,
            at=form.moment() or now,
            headers=given["headers"],
            call=given["call"],
        )
    return _explained(model_admin, request, explanation, form=form)


def _explain_stored(model_admin: MusterModelAdmin, request: HttpRequest, pk: str) -> HttpResponse:
    events = AlertEvent.objects.select_related("integration__service", "integration__severity")
    event = get_object_or_404(events, pk=pk if pk.isdecimal() and len(pk) < 19 else 0)
    received = timezone.localtime(event.received_at)
    form = MomentForm(
        request.GET if "at" in request.GET else None,
        initial={"at": received.replace(second=0, microsecond=0)},
    )
    at = form.moment() or event.received_at
    explanation = explain_event(event, user=request.user, at=at)
    return _explained(model_admin, request, explanation, form=form, event=event)


def _explained(
    model_admin: MusterModelAdmin,
    request: HttpRequest,
    explanation: Explanation | None,
    **context: Any,  # what the template asks for
) -> HttpResponse:
    alerts: list[Told] = [told(each) for each in explanation.alerts] if explanation else []
    shown = {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.opts,
        "title": "What becomes of a message",
        "explanation": explanation,
        "alerts": alerts,
        "zone": timezone.get_current_timezone_name(),
        **context,
    }
    return TemplateResponse(request, "admin/incidents/explain/page.html", shown)


# --- Trying --------------------------------------------------------------------------------------


def may_try(request: HttpRequest) -> bool:
    return request.user.has_perm("incidents.view_alertevent")


def trial_page(
    model_admin: MusterModelAdmin,
    request: HttpRequest,
    rule: RoutingRule,
    matchers: Sequence[RoutingMatcher],
    *,
    is_saved: bool,
) -> HttpResponse:
    """What the rule would change; the caller has checked who asks."""
    now = timezone.now()
    context = {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.opts,
        "title": f"Trial of {rule}",
        "rule": rule,
        "matchers": matchers,
        "is_saved": is_saved,
        "trial": try_rule(rule, matchers, at=now),
        "days": LOOKED_BACK.days,
        "may_switch_on": is_saved
        and not rule.is_active
        and model_admin.has_change_permission(request, rule),
        "zone": timezone.get_current_timezone_name(),
    }
    return TemplateResponse(request, "admin/incidents/rule/trial.html", context)


def refused_page(
    model_admin: MusterModelAdmin, request: HttpRequest, faults: list[tuple[str, str]]
) -> HttpResponse:
    """What must be corrected before the rule, as it was typed, can be tried."""
    context = {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.opts,
        "title": "This rule cannot be tried yet",
        "faults": faults,
    }
    return TemplateResponse(request, "admin/incidents/rule/refused.html", context, status=400)
