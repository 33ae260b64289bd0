from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Prefetch, QuerySet
from django.forms import BaseInlineFormSet, ModelForm
from django.http import HttpRequest
from unfold.admin import StackedInline, TabularInline

from roster.admin.forms import kept_forms
from roster.admin.history import HistoryAdmin
from roster.models import EscalationPolicy, EscalationStep, EscalationTarget


class TargetForm(forms.ModelForm):
    """The one field that the kind of target asks for must be filled; the others are dropped."""

    ASKED = {
        "schedule": "schedule",
        "schedule_next": "schedule",
        "schedule_everyone": "schedule",
        "person": "person",
        "team": "team",
        "team_lead": "team",
    }

    def clean(self) -> dict[str, object]:
        cleaned = super().clean() or self.cleaned_data
        asked = self.ASKED.get(cleaned.get("kind", ""))
        for name in {"schedule", "person", "team"} - {asked}:
            cleaned[name] = None
        if asked and not cleaned.get(asked) and asked not in self.errors:
            self.add_error(asked, f"Choose the {asked} to page.")
        person = cleaned.get("person")
        if person and not person.is_active and "person" in self.changed_data:
            self.add_error("person", f"{person} is inactive and cannot be paged.")
        return cleaned


class TargetFormSet(BaseInlineFormSet):
    """A step without anybody to page would pass in silence."""

    def clean(self) -> None:
        super().clean()
        if not kept_forms(self):
            raise ValidationError("Say whom this step pages.")


class StepForm(forms.ModelForm):
    """A step as added, even with every default untouched; its number may be left out."""

    class Meta:
        model = EscalationStep
        fields = ("position", "wait_minutes", "condition", "all_must_acknowledge")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["position"].required = False
        self.fields["position"].help_text = "Empty: after the step above."
        if not self.instance.pk:
            self.initial["position"] = None

    def has_changed(self) -> bool:
        return not self.instance.pk or super().has_changed()


class StepFormSet(BaseInlineFormSet):
    """Steps have numbers of their own, since running escalations go by them."""

    def clean(self) -> None:
        super().clean()
        numbers: list[int] = []
        for form in kept_forms(self):
            if not form.is_valid():
                continue
            number = form.cleaned_data.get("position") or max(numbers, default=0) + 1
            if number in numbers:
                form.add_error("position", f"There is a step {number} already.")
            form.instance.position = number
            numbers.append(number)


class TargetInline(TabularInline):
    model = EscalationTarget
    form = TargetForm
    formset = TargetFormSet
    extra = 0
    min_num = 1
    fields = ("kind", "schedule", "person", "team")
    autocomplete_fields = ("schedule", "person", "team")
    verbose_name = "target"


class StepInline(StackedInline):
    model = EscalationStep
    form = StepForm
    formset = StepFormSet
    extra = 0
    fields = (("position", "wait_minutes"), ("condition", "all_must_acknowledge"))
    inlines = (TargetInline,)
    verbose_name = "step"


@admin.register(EscalationPolicy)
class EscalationPolicyAdmin(HistoryAdmin):
    list_display = ("name", "team", "step_summary", "repeats", "fallback_team", "version")
    list_filter = ("team",)
    list_select_related = ("team", "fallback_team")
    search_fields = ("name", "slug")
    ordering = ("name",)
    fields = (("name", "slug"), ("team", "fallback_team"), ("repeats", "version"))
    readonly_fields = ("version",)
    prepopulated_fields = {"slug": ("name",)}
    autocomplete_fields = ("team", "fallback_team")
    inlines = (StepInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[EscalationPolicy]:
        targets = EscalationTarget.objects.select_related("schedule", "person", "team")
        return (
            super()
            .get_queryset(request)
            .prefetch_related("steps", Prefetch("steps__targets", targets.order_by("pk")))
        )

    def save_related(
        self,
        request: HttpRequest,
        form: ModelForm,
        formsets: list[BaseInlineFormSet],
        change: bool,
    ) -> None:
        super().save_related(request, form, formsets, change)
        if change:
            form.instance.next_version()

    @admin.display(description="Steps")
    def step_summary(self, policy: EscalationPolicy) -> str:
        return " → ".join(
            ", ".join(str(target.schedule or target.person or target.team) for target in targets)
            for targets in (step.targets.all() for step in policy.steps.all())
        )
