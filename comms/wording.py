"""Which words a message gets: the template that fits best, or our own when none can be used.

A page is never lost to a template: one that is missing or broken is passed over, and the words
below, which need nothing but the facts, go out instead.
"""

import logging
from collections.abc import Mapping

from comms import rendering
from comms.content import Content
from comms.models import AudienceKind, Purpose, Template
from comms.rendering import Rendered, TemplateError
from incidents.models import Incident

logger = logging.getLogger(__name__)

_FACTS = """
**Severity:** {{ incident.severity_name }}: {{ incident.severity_meaning }}
**Services:** {{ incident.services | join: ", " | default: "none named" }}
"""
_LINKS = """
{% if incident.runbook_url %}Runbook: {{ incident.runbook_url }}
{% endif %}{% if incident.bridge_url %}Bridge: {{ incident.bridge_url }}
{% endif %}Incident: {{ incident.url }}
"""
BUILT_IN: Mapping[str, tuple[str, str]] = {
    Purpose.PAGE: (
        "{{ incident.reference }} {{ incident.severity_name }}: {{ incident.title }}",
        "You are paged for **{{ incident.title }}** ({{ page.via }}). {{ page.reason }}\n"
        + _FACTS
        + "\n[Acknowledge: I take it]({{ page.acknowledge_url }})\n"
        "\n[Decline: page the next person]({{ page.decline_url }})\n"
        "\n[My pages: all that waits for you]({{ page.mine_url }})\n" + _LINKS,
    ),
    Purpose.RESOLVED_ITSELF: (
        "{{ incident.reference }} ended: {{ incident.title }}",
        "**{{ incident.title }}**, for which you were paged, has ended. {{ page.reason }}\n\n"
        "There is nothing you need to do.\n" + _LINKS,
    ),
    Purpose.REQUEST: (
        "{{ incident.reference }} {% if request.is_reminder %}still {% endif %}needs your help:"
        " {{ incident.title }}",
        "{{ request.requested_by }} asks you to help with **{{ incident.title }}**:"
        " {{ request.purpose }}.\n\n{{ request.message }}\n"
        + _FACTS
        + "\n[I am coming]({{ request.acknowledge_url }})\n"
        "\n[I cannot]({{ request.decline_url }})\n" + _LINKS,
    ),
    Purpose.RELEASED: (
        "{{ incident.reference }} thank you: you are released",
        "You are released from **{{ incident.title }}**. {{ request.reason }}\n\n"
        "Thank you for your help. If something comes up, write to {{ request.contact }}.\n"
        + _LINKS,
    ),
    Purpose.ROLE: (
        "{{ incident.reference }} you are now {{ role.name }}: {{ incident.title }}",
        "You now hold the role **{{ role.name }}** in **{{ incident.title }}**."
        " {{ role.purpose }}\n\n{{ role.note }}\n\n"
        "{% for line in role.checklist %}- {{ line }}\n{% endfor %}" + _LINKS,
    ),
    Purpose.DECLARED: (
        "{{ incident.reference }} {{ incident.severity_name }}: {{ incident.title }}",
        "An incident was declared: **{{ incident.title }}**.\n"
        + _FACTS
        + "\n{{ incident.customer_impact }}\n"
        '\nIncident manager: {{ incident.manager | default: "not yet named" }}\n' + _LINKS,
    ),
    Purpose.UPDATE: (
        "{{ incident.reference }} {{ incident.phase_name }}: {{ incident.title }}",
        "**{{ incident.title }}** is now: {{ incident.phase_name }}.\n\n"
        "{{ incident.customer_impact }}\n\n{{ incident.workaround }}\n",
    ),
    Purpose.REMINDER: (
        "{{ incident.reference }} {{ promise.kind }} update"
        " {% if promise.overdue %}overdue{% else %}due soon{% endif %}",
        "The next {{ promise.kind }} update on **{{ incident.title }}** was promised for"
        " {{ promise.due_at }}."
        "{% if promise.overdue %} It is {{ promise.minutes_late }} minutes late.{% endif %}\n\n"
        "Send it from the incident's page; a short one that says when the next comes is enough.\n"
        + _LINKS,
    ),
    Purpose.INVITATION: (
        "{{ postmortem.reference }} invitation: {{ postmortem.title }}",
        "You took part in {{ incident.reference }} **{{ incident.title }}** and are invited to"
        ' its postmortem on {{ postmortem.review_at | default: "a day not yet set" }}.\n\n'
        "Postmortem: {{ postmortem.url }}\n",
    ),
}


def written(
    purpose: str,
    context: Mapping[str, object],
    *,
    incident: Incident,
    kind: str = AudienceKind.INTERNAL,
    channel: str = "",
) -> Content:
    """The message in the words that fit best. Inside, its subject starts with the reference."""
    fitting = Template.objects.fitting(
        purpose, kind=kind, phase=incident.phase, severity=incident.severity, channel=channel
    )
    rendered = _first_that_renders(fitting, purpose, context)
    if kind == AudienceKind.EXTERNAL:
        return Content(rendered.subject, rendered.body)
    return Content(_led_by(incident.reference, rendered.subject), rendered.body)


def _led_by(reference: str, subject: str) -> str:
    """The subject with the reference in front, where a phone's lock screen still shows it."""
    if subject.startswith(reference):
        return subject
    return " ".join([reference, *subject.replace(reference, "").split()])


def _first_that_renders(
    templates: list[Template], purpose: str, context: Mapping[str, object]
) -> Rendered:
    for template in templates:
        try:
            rendered = rendering.render(template.subject, template.body, context)
        except TemplateError:
            logger.exception("Template %s cannot be rendered", template.slug)
            continue
        if rendered.body:
            return rendered
    return rendering.render(*BUILT_IN[purpose], context)
