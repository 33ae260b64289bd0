"""The form of a routing rule: what matches, and what becomes of it, in plain words."""

from collections import Counter
from datetime import datetime
from typing import Any

from django import forms
from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.models import User as Login
from django.forms import ModelForm
from django.utils import timezone
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from incidents.admin.fields import LabelsField
from incidents.matching import FIELD_NAMES
from incidents.models import Alert, Incident, RoutingMatcher, RoutingRule

ALERTS_ASKED = 300  # for the names of labels that are seen here
NAMES_OFFERED = 150
NAMES_LIST = "mu-field-names"


class IncidentField(forms.ModelChoiceField):
    """A live incident that the user may see; a private one that is set already has no name here."""

    widget = UnfoldAdminSelectWidget
    visible: frozenset[int] = frozenset()

    def __init__(self, **kwargs: Any) -> None:  # as ModelChoiceField
        super().__init__(
            Incident.objects.none(), required=False, empty_label="None: as grouped", **kwargs
        )

    def offer(self, user: Login | AnonymousUser, chosen: int | None) -> None:
        """Two queries."""
        may_see = user.has_perm("incidents.view_incident")
        live = Incident.objects.visible_to(user).live() if may_see else Incident.objects.none()
        self.visible = frozenset(live.values_list("pk", flat=True))
        shown = self.visible | {chosen} if chosen else self.visible
        self.queryset = Incident.objects.filter(pk__in=shown).order_by("-number")

    def label_from_instance(self, obj: Incident) -> str:
        return str(obj) if obj.pk in self.visible else "An incident that you may not see, or over"


class RoutingRuleForm(ModelForm):
    """A rule, its labels as people write them."""

    group_by = LabelsField(
        label="One incident for each",
        help_text="Labels with commas between: cluster, job. Alerts alike in all of them share an"
        " incident. Empty: as the monitor groups them.",
    )
    attach_to = IncidentField(
        label="Join this incident",
        help_text="While it is live; afterwards they are grouped as ever.",
    )

    # Whose eyes the form is for; set on a copy of the class for each request.
    user: Login | AnonymousUser = AnonymousUser()

    class Meta:
        model = RoutingRule
        fields = "__all__"  # noqa: DJ007 the admin's fieldsets name what is shown
        labels = {
            "position": "Place in the order",
            "is_active": "Switched on",
            "group_minutes": "Gather alerts for (minutes)",
            "hold_minutes": "Wait (minutes)",
            "is_suppressing": "Page nobody",
            "suppress_reason": "Why",
            "suppress_until": "Until",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # as ModelForm
        super().__init__(*args, **kwargs)
        if isinstance(field := self.fields.get("attach_to"), IncidentField):
            field.offer(self.user, self.instance.attach_to_id)

    def clean_suppress_until(self) -> datetime | None:
        until: datetime | None = self.cleaned_data["suppress_until"]
        if until and "suppress_until" in self.changed_data and until <= timezone.now():
            raise forms.ValidationError("This has passed. Give a time to come, or none.")
        return until


class MatcherForm(ModelForm):
    """One condition; names of labels are offered while typing."""

    class Meta:
        model = RoutingMatcher
        fields = ["label", "operator", "value"]
        labels = {"label": "label or field", "operator": "how"}
        widgets = {"label": UnfoldAdminTextInputWidget({"list": NAMES_LIST, "autocomplete": "off"})}


def names_seen() -> list[str]:
    """The names that conditions may use: fields, and labels of recent alerts, most common first.

    One query.
    """
    recent = Alert.objects.order_by("-last_seen_at").values_list("labels", flat=True)
    counted = Counter(name for labels in recent[:ALERTS_ASKED] for name in labels)
    labels = [name for name, _ in counted.most_common(NAMES_OFFERED)]
    return [*dict.fromkeys([*labels, *FIELD_NAMES])]
