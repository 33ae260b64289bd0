"""Planned work: windows in which alerts are expected, and the button that ends one early."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from incidents import maintenance
from incidents.admin.fields import MomentInput
from incidents.admin.option_fields import PairsField
from incidents.models import MaintenanceWindow
from incidents.recurrence import Span
from roster.admin_base import MusterModelAdmin, actor_of, refusals_as_messages
from roster.templatetags.muster import chip, duration, moment
from roster.zones import validate_reading, zone_of

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
NEXT_SHOWN = 5
CLOCK = "%a %-d %b, %H:%M"
CLOCK_OF_ANOTHER_YEAR = "%a %-d %b %Y, %H:%M"


class ClockInput(MomentInput):
    """Whole minutes, as people plan."""

    def __init__(self) -> None:
        super().__init__()
        self.attrs["step"] = "60"
        self.format = "%Y-%m-%dT%H:%M"


class ClockField(forms.DateTimeField):
    """What a clock on the wall shows; of which zone, another field of the form says."""

    widget = ClockInput

    def to_python(self, value: Any) -> Any:  # str in, a naive datetime out
        with timezone.override("UTC"):  # whose clock skips nothing
            read = super().to_python(value)
        return read.replace(tzinfo=None) if read else None


class WeekdaysField(forms.TypedMultipleChoiceField):
    def __init__(self, **kwargs: Any) -> None:  # as TypedMultipleChoiceField
        super().__init__(
            choices=list(enumerate(DAYS)),
            coerce=int,
            empty_value=[],
            required=False,
            widget=UnfoldAdminCheckboxSelectMultipleWidget(),
            **kwargs,
        )


class MaintenanceForm(ModelForm):
    """A window, its times as the clock of its own zone shows them."""

    starts_at = ClockField(label="From", help_text="On the clock of the zone below.")
    ends_at = ClockField(label="Until", help_text="On the same clock.")
    labels = PairsField(
        label="Only alerts with these labels",
        required=False,
        help_text="One a line: env = test. An alert must have all of them. Empty: every alert.",
    )
    weekdays = WeekdaysField(
        label="On these days",
        help_text="Only if it repeats every week. None: the day of the first time.",
    )

    class Meta:
        model = MaintenanceWindow
        fields = "__all__"  # noqa: DJ007 the admin's fieldsets name what is shown
        labels = {"mode": "What becomes of alerts", "repeats_until": "Last day it begins on"}

    # Escalations that wait for its end, as it was before it is changed.
    waiting: tuple[int, ...] = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # as ModelForm
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            zone = ZoneInfo(self.instance.time_zone)
            for name in ("starts_at", "ends_at"):
                read = getattr(self.instance, name).astimezone(zone)
                self.initial[name] = read.replace(tzinfo=None)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        # A zone that there is not is refused with a proposal, by the model.
        zone = zone_of(cleaned.get("time_zone") or "") or UTC
        for field in ("starts_at", "ends_at"):
            if cleaned.get(field):
                cleaned[field] = cleaned[field].replace(tzinfo=zone)
                self._refuse_skipped(field, cleaned[field])
        return cleaned

    def _refuse_skipped(self, field: str, read: datetime) -> None:
        try:
            validate_reading(field, read)
        except forms.ValidationError as error:
            self.add_error(None, error)


@admin.register(MaintenanceWindow)
class MaintenanceWindowAdmin(MusterModelAdmin):
    """What is on, what is planned, and what is over."""

    list_display = ("name", "state", "service_names", "mode_shown", "next_time", "repeats")
    list_filter = ("mode", "repeats", "services")
    search_fields = ("name", "reason")
    ordering = ("-starts_at", "-pk")

    form = MaintenanceForm
    autocomplete_fields = ("services",)
    readonly_fields = ("next_times", "ended", "labels_shown", "plan_shown")
    actions_detail = ("end_now", "cancel")

    def get_queryset(self, request: HttpRequest) -> QuerySet[MaintenanceWindow]:
        return super().get_queryset(request).prefetch_related("services")

    # --- Form -------------------------------------------------------------------------------------

    def get_fieldsets(self, request: HttpRequest, obj: MaintenanceWindow | None = None) -> Any:
        seen: tuple[str, ...] = ("next_times",) if obj else ()
        if obj and (obj.ended_at or obj.cut_at):
            seen += ("ended",)
        if obj and not self.has_change_permission(request, obj):
            plan = ("services", "labels_shown", "mode", "plan_shown")
            return ((None, {"fields": ("name", "reason", *seen, *plan)}),)
        return (
            (None, {"fields": ("name", "reason", *seen)}),
            ("What it covers", {"fields": ("services", "labels", "mode")}),
            ("When", {"fields": (("starts_at", "ends_at"), "time_zone")}),
            ("Again and again", {"fields": (("repeats", "repeats_until"), "weekdays")}),
        )

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """From the next full hour of the viewer's clock, for two hours."""
        zone = timezone.get_current_timezone_name()
        now = timezone.localtime().replace(minute=0, second=0, microsecond=0, tzinfo=None)
        first = now + timedelta(hours=1)
        usual = {"time_zone": zone, "starts_at": first, "ends_at": first + timedelta(hours=2)}
        return usual | super().get_changeform_initial_data(request)

    def has_change_permission(
        self, request: HttpRequest, obj: MaintenanceWindow | None = None
    ) -> bool:
        """What nobody can be muted by any more is history."""
        is_over = obj is not None and maintenance.next_change(obj, timezone.now()) is None
        return not is_over and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def save_model(
        self, request: HttpRequest, obj: MaintenanceWindow, form: MaintenanceForm, change: bool
    ) -> None:
        now = timezone.now()
        if change:
            form.waiting = tuple(maintenance.waiting_for(obj, now))
        else:
            obj.created_at, obj.created_by_name = now, actor_of(request).name
        super().save_model(request, obj, form, change)

    def save_related(
        self, request: HttpRequest, form: MaintenanceForm, formsets: Any, change: bool
    ) -> None:
        super().save_related(request, form, formsets, change)
        now = timezone.now()
        maintenance.look_again(form.instance, form.waiting, now)
        for other, (starts_at, _) in maintenance.overlaps(form.instance, now)[:3]:
            words = format_html(
                'At the same time as <a class="mu-link" href="{}">{}</a>, first on {}.',
                reverse("admin:incidents_maintenancewindow_change", args=[other.pk]),
                other,
                timezone.localtime(starts_at).strftime(f"{CLOCK} %Z"),
            )
            messages.warning(request, words)

    def response_add(
        self, request: HttpRequest, obj: MaintenanceWindow, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Lead to its page, which shows when it will be on."""
        if "_addanother" in request.POST or "_popup" in request.POST:
            return super().response_add(request, obj, post_url_continue)
        messages.success(request, f"{obj} is planned.")
        return redirect("admin:incidents_maintenancewindow_change", obj.pk)

    # --- Ending it --------------------------------------------------------------------------------

    def has_end_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Shown while it is on."""
        return self._may(request, object_id, lambda row, at: maintenance.occurrence(row, at))

    def has_cancel_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Shown while something of it is to come."""
        return self._may(request, object_id, lambda row, at: maintenance.next_change(row, at))

    def _may(self, request: HttpRequest, object_id: Any, holds: Any) -> bool:
        if not request.user.has_perm("incidents.change_maintenancewindow"):
            return False
        row = self.get_object(request, object_id) if object_id else None
        return row is None or holds(row, timezone.now()) is not None

    @action(
        description="End now",
        url_path="end",
        icon="alarm_off",
        permissions=["end"],
        dialog={
            "title": "End this maintenance now?",
            "description": "What still fires is routed anew and pages from the first step. One"
            " that repeats comes back as planned.",
            "form_submit_text": "End it now",
        },
    )
    def end_now(self, request: HttpRequest, form: object, object_id: str) -> HttpResponse:
        window = self._found(request, object_id)
        with refusals_as_messages(request):
            maintenance.end_now(window, by=actor_of(request), at=timezone.now())
            messages.success(request, f"{window} has ended. What still fires is looked at again.")
        return _back_to(window)

    @action(
        description="Call it off",
        url_path="cancel",
        icon="event_busy",
        permissions=["cancel"],
        dialog={
            "title": "Call this maintenance off?",
            "description": "It ends if it is on, and does not come again.",
            "form_submit_text": "Call it off",
        },
    )
    def cancel(self, request: HttpRequest, form: object, object_id: str) -> HttpResponse:
        window = self._found(request, object_id)
        with refusals_as_messages(request):
            maintenance.cancel(window, by=actor_of(request), at=timezone.now())
            messages.success(request, f"{window} is called off.")
        return _back_to(window)

    def _found(self, request: HttpRequest, object_id: str) -> MaintenanceWindow:
        window = self.get_object(request, object_id)
        if window is None:
            raise Http404("There is no such maintenance.")
        return window

    # --- What is shown ----------------------------------------------------------------------------

    @display(description="State")
    def state(self, window: MaintenanceWindow) -> SafeString:
        span = next(maintenance.spans(window, timezone.now()), None)
        if span is None:
            return chip("Called off" if window.ended_at else "Over", "gray")
        if span[0] <= timezone.now():
            return chip("On now", "orange")
        return chip("Planned", "blue")

    @display(description="Services")
    def service_names(self, window: MaintenanceWindow) -> str:
        names = [service.name for service in window.services.all()]
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        return ", ".join(names[:3]) + more

    @display(description="What becomes of alerts", ordering="mode")
    def mode_shown(self, window: MaintenanceWindow) -> SafeString:
        is_mute = window.mode == MaintenanceWindow.Mode.MUTE
        return chip("Page nobody", "purple") if is_mute else chip("Page, tagged", "gray")

    @display(description="Next", ordering="starts_at")
    def next_time(self, window: MaintenanceWindow) -> SafeString | str:
        """When it ends, if it is on; otherwise when it begins; once over, when it first was."""
        span = next(maintenance.spans(window, timezone.now()), None)
        if span is None:
            return moment(window.starts_at)
        words = "until {}" if span[0] <= timezone.now() else "from {}"
        return format_html(words, moment(span[1] if span[0] <= timezone.now() else span[0]))

    @display(description="When it is on next")
    def next_times(self, window: MaintenanceWindow) -> SafeString | str:
        """The next few times, by the clock of its zone and by the viewer's if that differs."""
        found = maintenance.upcoming(window, timezone.now(), NEXT_SHOWN)
        if not found:
            return "Not any more."
        zones = dict.fromkeys([window.time_zone, timezone.get_current_timezone_name()])
        heads = format_html_join("", "<th>{}</th>", ((zone,) for zone in zones))
        rows = format_html_join(
            "", '<tr>{}<td class="mu-nowrap">{}</td></tr>', _rows(found, list(zones))
        )
        table = '<table class="mu-table"><thead><tr>{}<th>For</th></tr></thead>{}</table>'
        return format_html('<div class="mu-scroll">' + table + "</div>", heads, rows)

    @display(description="Only alerts with these labels")
    def labels_shown(self, window: MaintenanceWindow) -> str:
        return (
            ", ".join(f"{name} = {value}" for name, value in window.labels.items()) or "Every one"
        )

    @display(description="Planned")
    def plan_shown(self, window: MaintenanceWindow) -> str:
        """The first time, by the clock of its zone, and how it repeats."""
        first = _on_clock((window.starts_at, window.ends_at), window.time_zone)
        days = ", ".join(DAYS[day] for day in window.weekdays)
        until = (
            f", the last time on {window.repeats_until:%-d %B %Y}" if window.repeats_until else ""
        )
        repeats = window.get_repeats_display().lower() + (f" ({days})" if days else "")
        return f"{first} ({window.time_zone}), {repeats}{until}"

    @display(description="Ended early")
    def ended(self, window: MaintenanceWindow) -> SafeString | str:
        if window.ended_at:
            return format_html("{}, by {}", moment(window.ended_at), window.ended_by_name)
        words = "That of {}, by {}. It comes back as planned."
        return format_html(words, moment(window.cut_at), window.cut_by_name)


def _rows(spans: list[Span], zones: list[str]) -> list[tuple[SafeString, str]]:
    return [
        (
            format_html_join("", "<td>{}</td>", ((_on_clock(span, zone),) for zone in zones)),
            duration(span[1] - span[0]),
        )
        for span in spans
    ]


def _on_clock(span: Span, zone: str) -> str:
    starts_at, ends_at = (each.astimezone(ZoneInfo(zone)) for each in span)
    is_this_year = starts_at.year == timezone.localtime().year
    clock = CLOCK if is_this_year else CLOCK_OF_ANOTHER_YEAR
    is_same_day = starts_at.date() == ends_at.date()
    return f"{starts_at.strftime(clock)} to {ends_at.strftime('%H:%M' if is_same_day else clock)}"


def _back_to(window: MaintenanceWindow) -> HttpResponse:
    url = reverse("admin:incidents_maintenancewindow_change", args=[window.pk])
    return HttpResponse(headers={"HX-Redirect": url})
