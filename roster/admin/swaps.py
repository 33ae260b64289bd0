from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.decorators import action, display

from roster import oncall
from roster.admin import swap_answers, swap_views
from roster.admin_base import ReadOnlyModelAdmin, actor_of
from roster.models import Person, Schedule, Swap
from roster.swaps import span_text
from roster.templatetags.muster import chip


class MineFilter(admin.SimpleListFilter):
    """What concerns the viewer."""

    title = "mine"
    parameter_name = "mine"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("waiting", "Waiting for me"),
            ("given", "Shifts of mine"),
            ("taken", "Shifts I take"),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Swap]) -> QuerySet[Swap]:
        if not self.value():
            return queryset
        person = actor_of(request).person
        if person is None:
            return queryset.none()
        match self.value():
            case "waiting":
                waiting = Swap.objects.waiting_for(person, _rotations_of(person))
                return queryset.filter(pk__in=waiting.values("pk"))
            case "given":
                return queryset.filter(giver=person)
            case "taken":
                return queryset.filter(taker=person)
        return queryset


@admin.register(Swap)
class SwapAdmin(ReadOnlyModelAdmin):
    """Swaps: a list to look at, a page with the buttons that answer one, and the forms."""

    list_display = ("reference", "state_chip", "schedule", "giver", "given", "whom", "returned")
    list_display_links = ("reference",)
    list_filter = (
        MineFilter,
        ("state", admin.ChoicesFieldListFilter),
        ("schedule", AutocompleteSelectFilter),
        ("giver", AutocompleteSelectFilter),
        ("taker", AutocompleteSelectFilter),
    )
    list_select_related = ("schedule", "giver", "asked", "taker")
    search_fields = ("giver__name", "taker__name", "asked__name", "schedule__name", "note")
    search_help_text = "Search by person, schedule or note"
    ordering = ("-number",)
    actions_list = ("cover_me", "swap_with", "take_over")
    list_before_template = "admin/roster/parts/help_link.html"

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("offer/", view(swap_views.offer_page), name="roster_swap_offer"),
            path("take/", view(swap_views.take_page), name="roster_swap_take"),
            path(
                "<int:pk>/give-back/",
                view(swap_answers.give_back_page),
                name="roster_swap_give_back",
            ),
            path(
                "<int:pk>/answer/<slug:step>/", view(swap_answers.answer), name="roster_swap_answer"
            ),
            *super().get_urls(),
        ]

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Whoever sees who is on call sees why."""
        return request.user.has_perm("roster.view_schedule")

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, object] | None = None,
    ) -> HttpResponse:
        """A page of our own: how it stands, and what can be done about it."""
        pk = int(object_id) if object_id.isdecimal() else 0
        swap = get_object_or_404(Swap.objects.for_display(), pk=pk)
        if request.method != "GET" or not self.has_view_permission(request, swap):
            return super().change_view(request, object_id, form_url, extra_context)
        return swap_answers.swap_page(request, swap)

    @action(description="Cover me", icon="person_raised_hand", permissions=["view"])
    def cover_me(self, request: HttpRequest) -> HttpResponse:
        return redirect("admin:roster_swap_offer")

    @action(description="Swap with…", icon="swap_horiz", permissions=["view"])
    def swap_with(self, request: HttpRequest) -> HttpResponse:
        """The same page, at the field that makes a cover an exchange."""
        return redirect(f"{reverse('admin:roster_swap_offer')}#id_in_return")

    @action(description="Take over", icon="front_hand", permissions=["view"])
    def take_over(self, request: HttpRequest) -> HttpResponse:
        return redirect("admin:roster_swap_take")

    @display(description="Swap", ordering="number")
    def reference(self, swap: Swap) -> str:
        return swap.reference

    @display(description="State", ordering="state")
    def state_chip(self, swap: Swap) -> SafeString:
        return chip(
            swap.get_state_display(), swap_answers.TONES.get(Swap.State(swap.state), "gray")
        )

    @display(description="Shift", ordering="starts_at")
    def given(self, swap: Swap) -> SafeString:
        return _on_one_line(swap.starts_at, swap.ends_at)

    @display(description="With")
    def whom(self, swap: Swap) -> str:
        return str(swap.taker or swap.asked or "Everyone who takes turns")

    @display(description="In return")
    def returned(self, swap: Swap) -> SafeString | str:
        if not (swap.return_starts_at and swap.return_ends_at):
            return "–"
        return _on_one_line(swap.return_starts_at, swap.return_ends_at)


def _on_one_line(start: datetime, end: datetime) -> SafeString:
    text = span_text(start, end, timezone.get_current_timezone_name())
    return format_html('<span class="mu-nowrap">{}</span>', text)


def _rotations_of(person: Person) -> list[int]:
    """The schedules on which this person takes turns now. Three queries."""
    open_to_all = Swap.objects.open().filter(asked=None).values("schedule")
    schedules = Schedule.objects.filter(pk__in=open_to_all)
    rotations = oncall.people_of(schedules, timezone.now())
    return [pk for pk, people in rotations.items() if person in people]
