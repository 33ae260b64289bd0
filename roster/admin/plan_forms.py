"""What the form for a plan explains before anything is planned."""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from django import forms
from django.forms import BaseInlineFormSet
from django.utils import timezone

from roster.models import Person, PlanPreference, PlanRotation, RosterPlan, Schedule
from roster.planning.asking import people_now, trained_now
from roster.qualification import check_turns


class PlanForm(forms.ModelForm):
    """A period and the rules in it."""

    class Meta:
        model = RosterPlan
        fields = (
            "name",
            "starts_on",
            "handoff_time",
            "turns",
            "turn_length",
            "turn_unit",
            "rest_turns",
            "most_consecutive",
            "most_turns",
            "ledger_months",
            "wish_hours",
        )


class PlanRotationFormSet(BaseInlineFormSet):
    """The schedules of a plan, each once, with people who can take turns."""

    def clean(self) -> None:
        super().clean()
        if any(self.errors):
            return
        kept = [form for form in self.forms if _is_kept(form)]
        if not kept:
            raise forms.ValidationError("Choose at least one schedule to plan.")
        schedules = [form.cleaned_data["schedule"] for form in kept]
        now = timezone.now()
        current = people_now(schedules, now)
        for form in kept:
            schedule = form.cleaned_data["schedule"]
            self._check_period(form, schedule, now)
            self._check_people(form, schedule, current[schedule.pk], now)

    def get_unique_error_message(self, unique_check: Sequence[str]) -> str:
        return "A schedule stands here twice. Plan each once, with all its people."

    def get_form_error(self) -> str:
        return "This schedule is listed twice."

    def _check_period(self, form: forms.ModelForm, schedule: Schedule, now: datetime) -> None:
        """The first handoff lies ahead, by the clock of the schedule."""
        plan = self.instance
        if not plan.starts_on or plan.handoff_time is None:
            return
        zone = ZoneInfo(schedule.time_zone)
        begins = datetime.combine(plan.starts_on, plan.handoff_time, zone)
        if begins <= now:
            form.add_error(
                "schedule",
                f"The first handoff, {begins:%a %-d %b at %H:%M} in {schedule.time_zone}, has "
                "passed. Begin on a later day.",
            )

    def _check_people(
        self, form: forms.ModelForm, schedule: Schedule, current: list[Person], now: datetime
    ) -> None:
        people = list(form.cleaned_data["people"])
        inactive = [person.name for person in people if not person.is_active]
        if inactive:
            form.add_error("people", f"Inactive, and not paged: {', '.join(inactive)}.")
        lacking = [person.name for person in check_turns(schedule, people, now)]
        if lacking:
            form.add_error(
                "people",
                f"Without the qualification that {schedule} asks for: {', '.join(lacking)}. Leave "
                "them out, or grant it first.",
            )
        if not people and not trained_now(schedule, current, now):
            form.add_error(
                "people", f"Nobody who may takes turns on {schedule} now. Choose who is to."
            )


def _is_kept(form: forms.ModelForm) -> bool:
    return bool(form.cleaned_data.get("schedule")) and not form.cleaned_data.get("DELETE")


class PlanRotationForm(forms.ModelForm):
    class Meta:
        model = PlanRotation
        fields = ("schedule", "people")

    def clean_schedule(self) -> Schedule:
        schedule: Schedule = self.cleaned_data["schedule"]
        if not schedule.is_active:
            raise forms.ValidationError(f"{schedule} is out of use.")
        return schedule


class AcceptForm(forms.Form):
    """Asks again where the proposal breaks rules."""

    despite = forms.BooleanField(
        label="Accept in spite of it",
        required=False,
        help_text="The people concerned are on call all the same.",
    )

    def __init__(self, *args: object, has_conflicts: bool, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]  # as Form takes them
        if not has_conflicts:
            del self.fields["despite"]


class ConfirmForm(forms.Form):
    """Nothing to fill in: the button says it."""


class PlaceForm(forms.Form):
    """Who takes one turn instead; nobody chosen leaves it to the solver."""

    person = forms.ModelChoiceField(Person.objects.none(), required=False)


class PreferenceForm(forms.ModelForm):
    class Meta:
        model = PlanPreference
        fields = ("person", "wish", "starts_on", "ends_on", "note")

    def clean(self) -> dict[str, object]:
        cleaned = super().clean() or self.cleaned_data
        begins, ends = cleaned.get("starts_on"), cleaned.get("ends_on")
        if begins and ends and ends < begins:
            self.add_error("ends_on", "It must not end before it begins.")
        return cleaned
