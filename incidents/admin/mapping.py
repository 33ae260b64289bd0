"""The page on which somebody says what the fields of a monitor's messages mean."""

import copy
import json
from typing import Any

import msgspec
from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html

from incidents.admin.explain_words import told
from incidents.admin.mapping_form import LABELS, MappingForm, shown, stored_mapping
from incidents.explainer import Explanation, explain_pasted
from incidents.field_mapping import PICKS, FieldMapping
from incidents.models import AlertEvent, Integration

TEMPLATE = "admin/incidents/integration/mapping.html"
EVENTS_OFFERED = 10
INPUT_MISSING = 422


def mapping_urls(model_admin: ModelAdmin) -> list[URLPattern]:
    """The page of each integration, for the `get_urls` of their admin."""

    def page(request: HttpRequest, pk: int) -> HttpResponse:
        return mapping_page(model_admin, request, pk)

    wrapped = model_admin.admin_site.admin_view(page)
    return [path("<int:pk>/mapping/", wrapped, name="incidents_integration_mapping")]


def has_mapping(integration: Integration) -> bool:
    """Whether messages of this kind can be mapped."""
    return "mapping" in integration.adapter.options.__struct_fields__


def mapping_page(model_admin: ModelAdmin, request: HttpRequest, pk: int) -> HttpResponse:
    """Show what the mapping makes of a message; on POST with `save`, keep it."""
    if not model_admin.has_change_permission(request):
        raise PermissionDenied
    integration = get_object_or_404(
        Integration.objects.select_related("service", "severity"), pk=pk
    )
    if not has_mapping(integration):
        raise Http404("Messages of this kind need no mapping.")
    events = _events(request, integration)
    form = _form(request, integration, events)
    is_valid = not form.is_bound or form.is_valid()
    if request.method == "POST" and "save" in request.POST and is_valid:
        return _save(model_admin, request, integration, form.mapping())
    explanation = _preview(request, integration, form) if is_valid and form.has_sample else None
    context = {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.opts,
        "original": integration,
        "title": f"Map fields: {integration}",
        "is_fullwidth": "1",
        "form": form,
        "events": events,
        "fields": [(leaf.written, shown(leaf.value)) for leaf in form.leaves],
        "targets": [(name, LABELS[name][0]) for name in PICKS],
        "explanation": explanation,
        "alerts": [told(each) for each in explanation.alerts] if explanation else [],
        "missing": form.missing(),
        "is_wrong": not is_valid,
    }
    # What is only looked at is an answer like any other, whatever is still wrong in it.
    status = INPUT_MISSING if "save" in request.POST else 200
    return TemplateResponse(request, TEMPLATE, context, status=status)


def _events(request: HttpRequest, integration: Integration) -> list[AlertEvent]:
    """The last messages that came in, for who may see them; a body is read when it is chosen."""
    if not request.user.has_perm("incidents.view_alertevent"):
        return []
    newest = AlertEvent.objects.filter(
        integration=integration, origin__in=[AlertEvent.Origin.MONITOR, AlertEvent.Origin.TEST]
    )
    return list(newest.defer("body").order_by("-received_at", "-pk")[:EVENTS_OFFERED])


def _form(request: HttpRequest, integration: Integration, events: list[AlertEvent]) -> MappingForm:
    stored = stored_mapping(integration)
    if request.method != "POST":
        wanted = request.GET.get("event", "")
        event = next((each for each in events if str(each.pk) == wanted), None)
        event = event or next(iter(events), None)
        sample, kind = (_text(event), event.content_type) if event else ("", "")
        return MappingForm(stored, sample=sample, content_type=kind)
    if "load" not in request.POST:
        return MappingForm(stored, request.POST)
    event = next((each for each in events if str(each.pk) == request.POST.get("event")), None)
    data = request.POST.copy()
    if event:
        data["sample"], data["content_type"] = _text(event), event.content_type
    return MappingForm(stored, data)


def _text(event: AlertEvent) -> str:
    """The message, laid out if it is JSON."""
    text = bytes(event.body).decode("utf-8", "replace")
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text


def _preview(request: HttpRequest, integration: Integration, form: MappingForm) -> Explanation:
    """What would become of the sample, with the mapping as it is on the page."""
    candidate = copy.copy(integration)
    candidate.options = _options(integration, form.mapping())
    sample, kind = (form[name].value() or "" for name in ("sample", "content_type"))
    body = sample.encode("utf-8", "replace")
    at = timezone.now()
    return explain_pasted(candidate, body, user=request.user, at=at, content_type=kind)


def _options(integration: Integration, mapping: FieldMapping) -> dict[str, Any]:
    filled = {name: value for name, value in msgspec.to_builtins(mapping).items() if value}
    return integration.options | {"mapping": filled}


def _save(
    model_admin: ModelAdmin, request: HttpRequest, integration: Integration, mapping: FieldMapping
) -> HttpResponse:
    integration.options = _options(integration, mapping)
    integration.save(update_fields=["options"])
    model_admin.log_change(request, integration, "Mapped its fields.")
    messages.success(request, "The fields are mapped. It holds for every message from now on.")
    aside = AlertEvent.objects.set_aside().filter(integration=integration).count()
    if aside and request.user.has_perm("incidents.view_alertevent"):
        listed = reverse("admin:incidents_alertevent_changelist")
        sentence = '{} of its messages are set aside. <a class="mu-link" href="{}">Retry them</a>'
        where = f"{listed}?state__exact=set_aside&integration__id__exact={integration.pk}"
        messages.warning(request, format_html(sentence, aside, where))
    return HttpResponseRedirect(
        reverse("admin:incidents_integration_mapping", args=[integration.pk])
    )
