"""Buttons of the incident page: a form that posts, or a link that opens a form.

Imports nothing of the admin: Unfold renders a widget, and so loads every tag library, while it is
itself being imported.
"""

from typing import Any
from urllib.parse import urlencode

from django import template
from django.template import Context
from django.urls import reverse

from incidents.models import Incident, TimelineEntry
from incidents.vocabulary import EntryKind, describe
from incidents.vocabulary import sentence as sentence_of

register = template.Library()


def action_url(incident: Incident, slug: str) -> str:
    return reverse("admin:incidents_incident_do", args=[incident.pk, slug])


@register.inclusion_tag("admin/incidents/incident/post_button.html", takes_context=True)
def post_button(
    context: Context, incident: Incident, slug: str, label: str = "", style: str = "", **values: Any
) -> dict[str, Any]:
    """A button that does it at once, `values` in hidden fields. Nothing if not allowed."""
    return _button(context, incident, slug, label, style) | {"values": values}


@register.inclusion_tag("admin/incidents/incident/form_link.html", takes_context=True)
def form_link(
    context: Context, incident: Incident, slug: str, label: str = "", style: str = "", **values: Any
) -> dict[str, Any]:
    """A link to the action's form, filled with `values`; a dialog where scripts run."""
    button = _button(context, incident, slug, label, style)
    return button | {"query": urlencode(values)}


def _button(
    context: Context, incident: Incident, slug: str, label: str, style: str
) -> dict[str, Any]:
    desk = context["desk"]
    return {
        "is_allowed": slug in desk.rights,
        "url": action_url(incident, slug),
        "label": label or desk.label_of(slug),
        "style": style,
        "next": context.get("next", ""),
        "csrf_token": context.get("csrf_token"),
    }


@register.filter
def sentence(entry: TimelineEntry) -> str:
    return sentence_of(entry)


@register.filter
def kind(entry: TimelineEntry) -> EntryKind:
    return describe(entry.kind)
