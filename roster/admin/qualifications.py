"""What people are trained for: qualifications, who holds them, and exceptions made."""

from datetime import date
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Count, Model, Q, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.admin import TabularInline
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.decorators import display

from roster import qualification
from roster.admin.history import HistoryAdmin
from roster.admin_base import ReadOnlyModelAdmin
from roster.errors import DomainError
from roster.models import Qualification, QualificationException, QualificationGrant
from roster.refusals import add_refusal
from roster.templatetags.muster import chip, moment


def status_chip(grant: QualificationGrant, today: date) -> SafeString:
    if grant.granted_on > today:
        return chip("From later on", "gray")
    if grant.expires_on is None:
        return chip("Valid", "green")
    if grant.expires_on <= today:
        return chip("Expired", "red")
    if grant.expires_on <= today + qualification.EXPIRES_SOON:
        return chip("Expires soon", "amber")
    return chip("Valid", "green")


class QualificationForm(forms.ModelForm):
    class Meta:
        model = Qualification
        fields = (
            "name",
            "slug",
            "description",
            "requires",
            "shadow_shifts",
            "reverse_shadow_shifts",
            "valid_months",
        )

    def clean_requires(self) -> Qualification | None:
        """What is asked for first must not ask for this one itself."""
        first: Qualification | None = self.cleaned_data["requires"]
        each, seen = first, 0
        while each and seen < 100:
            if each.pk == self.instance.pk:
                raise ValidationError("Each would need the other first. Choose another one.")
            each, seen = each.requires, seen + 1
        return first


@admin.register(Qualification)
class QualificationAdmin(HistoryAdmin):
    """What schedules and roles may ask for, and the way there."""

    form = QualificationForm
    list_display = ("name", "requires", "way_there", "valid_for", "holders")
    list_select_related = ("requires",)
    search_fields = ("name", "slug")
    ordering = ("name",)
    fields = (
        ("name", "slug"),
        "description",
        ("requires", "valid_months"),
        ("shadow_shifts", "reverse_shadow_shifts"),
    )
    prepopulated_fields = {"slug": ("name",)}
    autocomplete_fields = ("requires",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Qualification]:
        today = timezone.localdate()
        valid = Q(grants__granted_on__lte=today, grants__person__is_active=True) & (
            Q(grants__expires_on__isnull=True) | Q(grants__expires_on__gt=today)
        )
        rows = super().get_queryset(request)
        return rows.annotate(held_by=Count("grants__person", filter=valid, distinct=True))

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def save_model(
        self, request: HttpRequest, obj: Qualification, form: ModelForm, change: bool
    ) -> None:
        super().save_model(request, obj, form, change)
        qualification.prove_holders([obj.pk], at=timezone.now())

    @display(description="Shadow / lead")
    def way_there(self, row: Qualification) -> str:
        return f"{row.shadow_shifts} / {row.reverse_shadow_shifts} shifts"

    @display(description="Valid for", ordering="valid_months")
    def valid_for(self, row: Qualification) -> str:
        return f"{row.valid_months} months" if row.valid_months else "for ever"

    @display(description="Held by", ordering="held_by")
    def holders(self, row: Any) -> int:  # annotated
        count: int = row.held_by
        return count


class GrantForm(forms.ModelForm):
    """A new grant, which expires by itself; of one that is there, its end and its evidence."""

    class Meta:
        model = QualificationGrant
        fields = ("person", "qualification", "granted_on", "expires_on", "earned_by", "evidence")
        help_texts = {"expires_on": "Empty: worked out from how long it is valid."}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.instance.pk and "granted_on" in self.fields:
            self.initial.setdefault("granted_on", timezone.localdate())

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if self.errors or self.instance.pk:
            return cleaned
        person = cleaned.get("person") or self.instance.person
        try:
            qualification.refuse_double(person, cleaned["qualification"], self.earned())
        except DomainError as error:
            add_refusal(self, error)
        return cleaned

    def earned(self) -> qualification.Earned:
        return qualification.Earned(
            on=self.cleaned_data["granted_on"],
            by=self.cleaned_data["earned_by"],
            evidence=self.cleaned_data["evidence"],
            expires_on=self.cleaned_data["expires_on"],
        )

    def save(self, commit: bool = True) -> QualificationGrant:
        row: QualificationGrant = super().save(commit=False)
        if not row.pk and row.expires_on is None:
            row.expires_on = qualification.expiry(row.qualification, row.granted_on)
        if commit:
            row.save()
            qualification.prove_holders([row.qualification_id], at=timezone.now())
        return row


class StatusFilter(admin.SimpleListFilter):
    title = "status"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("valid", "Valid"), ("soon", "Expires soon"), ("expired", "Expired")]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[QualificationGrant]
    ) -> QuerySet[QualificationGrant]:
        today = timezone.localdate()
        if self.value() == "valid":
            return queryset.valid_on(today)  # type: ignore[attr-defined]  # our own queryset
        if self.value() == "soon":
            return queryset.filter(
                expires_on__gt=today, expires_on__lte=today + qualification.EXPIRES_SOON
            )
        return queryset.filter(expires_on__lte=today) if self.value() == "expired" else queryset


@admin.register(QualificationGrant)
class QualificationGrantAdmin(HistoryAdmin):
    """Who holds what, until when, and how it was earned."""

    form = GrantForm
    list_display = ("person", "qualification", "status", "granted_on", "expires_on", "earned_by")
    list_filter = (
        StatusFilter,
        ("qualification", AutocompleteSelectFilter),
        ("person", AutocompleteSelectFilter),
    )
    list_select_related = ("person", "qualification")
    search_fields = ("person__name", "qualification__name", "evidence")
    ordering = ("person__name", "qualification__name", "-granted_on")
    fields = (
        ("person", "qualification"),
        ("granted_on", "expires_on"),
        ("earned_by", "evidence"),
    )
    autocomplete_fields = ("person", "qualification")

    def get_readonly_fields(
        self, request: HttpRequest, obj: QualificationGrant | None = None
    ) -> tuple[str, ...]:
        return ("person", "qualification", "granted_on") if obj else ()

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """What was held stays on record: one that was wrong ends."""
        return False

    def save_model(
        self, request: HttpRequest, obj: QualificationGrant, form: ModelForm, change: bool
    ) -> None:
        super().save_model(request, obj, form, change)
        qualification.prove_holders([obj.qualification_id], at=timezone.now())

    @display(description="Status")
    def status(self, grant: QualificationGrant) -> SafeString:
        return status_chip(grant, timezone.localdate())


class GrantInline(TabularInline):
    """On a person's page: what they hold, and a line for what is new. Old ones stay."""

    model = QualificationGrant
    form = GrantForm
    fields = ("qualification", "granted_on", "expires_on", "earned_by", "evidence", "status")
    readonly_fields = ("status",)
    autocomplete_fields = ("qualification",)
    ordering = ("qualification__name", "-granted_on")
    extra = 0
    can_delete = False
    show_title = False
    per_page = 10
    verbose_name_plural = "qualifications"

    def get_queryset(self, request: HttpRequest) -> QuerySet[QualificationGrant]:
        return super().get_queryset(request).select_related("qualification", "person")

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    @display(description="Status")
    def status(self, grant: QualificationGrant) -> SafeString | str:
        return status_chip(grant, timezone.localdate()) if grant.pk else ""


@admin.register(QualificationException)
class QualificationExceptionAdmin(ReadOnlyModelAdmin):
    """Who was put on duty untrained, who allowed it, and why."""

    list_display = ("person", "qualification", "where", "reason", "allowed_by_name", "allowed")
    list_filter = (
        ("qualification", AutocompleteSelectFilter),
        ("person", AutocompleteSelectFilter),
    )
    list_select_related = ("person", "qualification")
    search_fields = ("person__name", "where", "reason", "allowed_by_name")
    ordering = ("-at", "-pk")
    fields = (("person", "qualification"), "where", "reason", ("allowed_by_name", "at"))

    @display(description="When", ordering="at")
    def allowed(self, row: QualificationException) -> SafeString | str:
        return moment(row.at)
