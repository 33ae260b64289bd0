"""What stands below a schedule: the hours it must be covered in, its layers, its overrides."""

from datetime import datetime

from django.core.exceptions import ValidationError
from django.db.models import Model, Prefetch, Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from unfold.admin import TabularInline
from unfold.decorators import display

from roster.admin.forms import kept_forms
from roster.admin.layer_forms import WindowFormSet
from roster.admin.override_forms import OneLineOverrideForm
from roster.layer_plans import order_in_words
from roster.models import Coverage, CoverageWindow, Layer, Override, Participant, Schedule


class CoverageWindowFormSet(WindowFormSet):
    """The hours, which must be listed where only they are to be covered."""

    instance: Schedule

    def clean(self) -> None:
        super().clean()
        is_asked = self.instance.coverage == Coverage.HOURS
        if is_asked and not any(self.errors) and not kept_forms(self):
            raise ValidationError("List the hours that must be covered.")


class CoverageWindowInline(TabularInline):
    """Shown where they are read: a script hides them while another answer is chosen."""

    model = CoverageWindow
    formset = CoverageWindowFormSet
    extra = 0
    verbose_name_plural = "hours that must be covered, by the schedule’s clock"

    class Media:
        js = ("roster/only_where.js",)


class LayerInline(TabularInline):
    """The layers now and to come in words; each is edited on its own page."""

    model = Layer
    fields = ("edit_link", "position", "order", "rotation", "hours", "effect")
    readonly_fields = fields
    ordering = ("-position", "effective_from", "pk")
    extra = 0
    can_delete = False
    show_title = False
    verbose_name_plural = (
        "layers: of those that have somebody, the one with the highest number is on call"
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Layer]:
        rows = super().get_queryset(request).select_related("schedule")
        unended = Q(effective_until=None) | Q(effective_until__gt=timezone.now())
        people = Participant.objects.select_related("person")
        return rows.filter(unended).prefetch_related(Prefetch("participants", people), "windows")

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    @display(description="Layer")
    def edit_link(self, layer: Layer) -> str:
        return link_to(reverse("admin:roster_layer_change", args=[layer.pk]), layer.name)

    @display(description="Turns")
    def order(self, layer: Layer) -> str:
        """The order in force, and those planned for later."""
        now, until = timezone.now(), layer.effective_until
        versions = {row.effective_at for row in layer.participants.all() if row.effective_at}
        since = max(now, layer.begins_at())
        later = [at for at in sorted(versions) if at > since and (until is None or at < until)]
        lines = [("", _order(layer, now))]
        lines += [(f"From {_moment(at)}: ", _order(layer, at)) for at in later]
        return format_html_join("", "<div><strong>{}</strong>{}</div>", lines)

    @display(description="Handoffs")
    def rotation(self, layer: Layer) -> str:
        unit = layer.get_unit_display()
        every = unit.removesuffix("s") if layer.length == 1 else f"{layer.length} {unit}"
        return (
            f"Every {every}, first on "
            f"{layer.starts_on:%a %-d %b %Y} at {layer.handoff_time:%H:%M} ({layer.zone()})"
        )

    @display(description="Only in")
    def hours(self, layer: Layer) -> str:
        return "; ".join(str(window) for window in layer.windows.all()) or "at all times"

    @display(description="In effect")
    def effect(self, layer: Layer) -> str:
        begins, ends = layer.begins_at(), layer.effective_until
        if begins > timezone.now():
            return f"to come: from {_moment(begins)}{_until(ends)}"
        return f"since {_moment(begins)}{_until(ends)}"


class OverrideInline(TabularInline):
    """Overrides that are not over; new ones can be entered here."""

    model = Override
    form = OneLineOverrideForm
    fields = ("kind", "person", "replaces", "starts_at", "ends_at", "reason", "edit_link")
    readonly_fields = ("edit_link",)
    autocomplete_fields = ("person", "replaces")
    ordering = ("starts_at",)
    extra = 0
    can_delete = False
    show_title = False
    verbose_name_plural = "overrides now and to come"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Override]:
        rows = super().get_queryset(request).select_related("person", "replaces", "schedule")
        return rows.filter(ends_at__gt=timezone.now())

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    @display(description="")
    def edit_link(self, override: Override) -> str:
        if not override.pk:
            return ""
        address = reverse("admin:roster_override_change", args=[override.pk])
        is_listed = override.kind == Override.Kind.TEMPORARY
        return link_to(address, "Shifts listed" if is_listed else "Open")


def link_to(url: str, text: str) -> str:
    return format_html('<a href="{}" class="text-primary-600 underline">{}</a>', url, text)


def _order(layer: Layer, at: datetime) -> str:
    return ", ".join(" + ".join(crew) or "nobody" for crew in order_in_words(layer, at))


def _moment(moment: datetime) -> str:
    return f"{timezone.localtime(moment):%-d %b %Y %H:%M}"


def _until(moment: datetime | None) -> str:
    return f" until {_moment(moment)}" if moment else ""
