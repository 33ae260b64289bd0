"""Buttons on messages and drafts, and templates as they will read."""

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from comms import facts, outbox, rendering, updates
from comms.content import Content
from comms.models import Message, Template, Update
from comms.permissions import may_send
from comms.rendering import TemplateError, variables_for
from incidents.admin import fields
from incidents.models import Incident
from roster.admin_base import actor_of, refusals_as_messages


class PreviewForm(forms.Form):
    """The words to try, and which incident to try them on; none means an invented one."""

    reference = fields.line(
        "Incident", required=False, help_text="Such as INC-142; or leave empty."
    )
    subject = fields.line("Subject")
    body = fields.text("Body", rows=16)


def preview_template(request: HttpRequest, pk: int) -> HttpResponse:
    """Show a template filled in, and let changed words be tried. Saves nothing."""
    template = get_object_or_404(Template, pk=pk)
    if not (
        request.user.has_perm("comms.view_template")
        or request.user.has_perm("comms.change_template")
    ):
        raise PermissionDenied
    shown = {"subject": template.subject, "body": template.body}
    form = PreviewForm(request.POST or shown)
    return render(
        request,
        "admin/comms/template/preview.html",
        {
            **admin.site.each_context(request),
            "title": f"Preview: {template.name}",
            "template": template,
            "form": form,
            "content": _previewed(request, template, form),
            "variables": sorted(_names(template.purpose)),
        },
    )


def _previewed(request: HttpRequest, template: Template, form: PreviewForm) -> Content | None:
    """The message, or None with what is wrong on the form."""
    if not form.is_valid():
        return None
    context = dict(facts.SAMPLE)
    if reference := form.cleaned_data["reference"].strip():
        visible = Incident.objects.visible_to(request.user)
        try:
            incident = visible.get_by_reference(reference)
        except Incident.DoesNotExist:
            form.add_error("reference", f"There is no incident {reference} that you may see.")
            return None
        context |= facts.context(incident, at=timezone.now())
    for name in ("subject", "body"):
        for problem in rendering.check(form.cleaned_data[name], variables_for(template.purpose)):
            form.add_error(name, str(problem))
    if form.errors:
        return None
    try:
        rendered = rendering.render(
            form.cleaned_data["subject"], form.cleaned_data["body"], context
        )
    except TemplateError as error:
        form.add_error("body", error.message)
        return None
    return Content(rendered.subject, rendered.body)


def _names(purpose: str) -> list[str]:
    return [
        f"{name}.{inner}" if inner else name
        for name, inside in variables_for(purpose).items()
        for inner in (inside or [""])
    ]


@require_POST
def retry_message(request: HttpRequest, pk: int) -> HttpResponse:
    """The button on the message, the dashboard and the incident page."""
    message = get_object_or_404(Message.objects.visible_to(request.user), pk=pk)
    if not request.user.has_perm("comms.retry_message"):
        raise PermissionDenied
    with refusals_as_messages(request):
        outbox.retry(message, by=actor_of(request), at=timezone.now())
        messages.success(request, f"“{message.subject}” will be tried again now.")
    return _back(request, reverse("admin:comms_message_change", args=[message.pk]))


@require_POST
def approve_update(request: HttpRequest, pk: int) -> HttpResponse:
    """Let somebody else's draft go out, after reading it."""
    update = get_object_or_404(Update.objects.visible_to(request.user), pk=pk)
    if not request.user.has_perm("comms.approve_update"):
        raise PermissionDenied
    with refusals_as_messages(request):
        updates.approve(update, by=actor_of(request), at=timezone.now())
        messages.success(request, f"“{update.subject}” is approved and can be sent.")
    return _back(request, reverse("admin:comms_update_change", args=[update.pk]))


@require_POST
def send_update(request: HttpRequest, pk: int) -> HttpResponse:
    """Send a draft that needs no approval, or has it."""
    update = get_object_or_404(
        Update.objects.visible_to(request.user).select_related("incident"), pk=pk
    )
    if not may_send(request.user, update.kind, update.incident):
        raise PermissionDenied
    with refusals_as_messages(request):
        count = updates.send_update(update, by=actor_of(request), at=timezone.now())
        messages.success(request, f"Sent to {count} recipients.")
    return _back(request, reverse("admin:comms_update_change", args=[update.pk]))


def _back(request: HttpRequest, otherwise: str) -> HttpResponseRedirect:
    """To the page the button was on, if the form says which of ours that is in `next`."""
    back = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(back, {request.get_host()}, request.is_secure())
    return HttpResponseRedirect(back if is_ours else otherwise)
