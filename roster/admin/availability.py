"""Time off, calendars read in and feed addresses, as lists for roster editors."""

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from unfold.decorators import action, display

from roster import feeds, time_off
from roster.admin import availability_views, feed_pages
from roster.admin.schedule_inlines import link_to
from roster.admin_base import ReadOnlyModelAdmin, change_each
from roster.models import CalendarFeed, ImportedCalendar, TimeOff


class TimeOffLinkMixin:
    """The way from a person to their time off, for themself and for who may see everybody's."""

    def has_time_off_permission(self, request: HttpRequest, object_id: str = "") -> bool:
        if request.user.has_perm("roster.view_timeoff"):
            return True
        own = getattr(request.user, "person", None)
        return own is not None and str(own.pk) == str(object_id)

    @action(description="Time off", icon="beach_access", permissions=["time_off"])
    def show_time_off(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return redirect("admin:roster_person_time_off", object_id)


@admin.register(TimeOff)
class TimeOffAdmin(ReadOnlyModelAdmin):
    """Everybody's time off for roster editors; whoever may not see it gets their own page."""

    list_display = ("person_link", "starts_at", "ends_at", "note", "calendar")
    list_filter = ("person__teams",)
    list_select_related = ("person", "calendar")
    search_fields = ("person__name", "note")
    ordering = ("-ends_at",)
    fields = ("person", ("starts_at", "ends_at"), "note", "calendar")
    actions = ("withdraw",)
    actions_list = ("show_mine",)
    list_display_links = None

    def get_urls(self) -> list[URLPattern]:
        view, pages = self.admin_site.admin_view, availability_views
        return [
            path("mine/", view(pages.my_time_off), name="roster_my_time_off"),
            path("of/<int:pk>/", view(pages.person_time_off), name="roster_person_time_off"),
            path(
                "of/<int:pk>/calendar/",
                view(pages.add_person_calendar),
                name="roster_person_calendar_add",
            ),
            path(
                "<int:pk>/withdraw/",
                view(pages.withdraw_time_off),
                name="roster_time_off_withdraw",
            ),
            path("<int:pk>/move/", view(pages.change_time_off), name="roster_time_off_move"),
            *super().get_urls(),
        ]

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """In the sidebar of everybody who is a person here; rows are for editors."""
        if super().has_view_permission(request, obj):
            return True
        return obj is None and getattr(request.user, "person", None) is not None

    def has_withdraw_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("roster.delete_timeoff")

    def get_queryset(self, request: HttpRequest) -> QuerySet[TimeOff]:
        rows = super().get_queryset(request)
        return rows if request.user.has_perm("roster.view_timeoff") else rows.none()

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, object] | None = None
    ) -> HttpResponse:
        if not request.user.has_perm("roster.view_timeoff") and self.has_view_permission(request):
            return redirect("admin:roster_my_time_off")
        return super().changelist_view(request, extra_context)

    @action(description="My time off", icon="beach_access", permissions=["view"])
    def show_mine(self, request: HttpRequest) -> HttpResponse:
        return redirect("admin:roster_my_time_off")

    @action(description="Withdraw, or end now", permissions=["withdraw"])
    def withdraw(self, request: HttpRequest, rows: QuerySet[TimeOff]) -> None:
        now = timezone.now()
        change_each(
            request,
            rows.select_related("person", "calendar"),
            lambda row: time_off.withdraw(row, at=now),
            done="Withdrew or ended {}.",
        )

    @display(description="Person", ordering="person__name")
    def person_link(self, row: TimeOff) -> str:
        return link_to(
            reverse("admin:roster_person_time_off", args=[row.person_id]), str(row.person)
        )


@admin.register(ImportedCalendar)
class ImportedCalendarAdmin(ReadOnlyModelAdmin):
    """Calendars that are read in: whose, when last, and what is wrong with them."""

    list_display = ("name", "whose", "fetched_at", "failing_since", "last_error", "is_active")
    list_filter = ("is_active",)
    list_select_related = ("person", "schedule")
    search_fields = ("name", "person__name", "schedule__name")
    ordering = ("name", "pk")
    fields = (
        ("name", "is_active"),
        "url",
        ("person", "schedule"),
        ("fetched_at", "due_at"),
        ("failing_since", "last_error"),
        "problem_list",
        "created_by",
    )
    readonly_fields = ("problem_list",)

    def get_urls(self) -> list[URLPattern]:
        view, pages = self.admin_site.admin_view, availability_views
        return [
            path("<int:pk>/read/", view(pages.read_calendar_again), name="roster_calendar_read"),
            path("<int:pk>/stop/", view(pages.stop_calendar), name="roster_calendar_stop"),
            path(
                "of-schedule/<int:pk>/",
                view(feed_pages.schedule_calendars),
                name="roster_schedule_calendars",
            ),
            path(
                "of-schedule/<int:pk>/add/",
                view(pages.add_schedule_calendar),
                name="roster_schedule_calendar_add",
            ),
            *super().get_urls(),
        ]

    @display(description="Whose")
    def whose(self, calendar: ImportedCalendar) -> str:
        if calendar.person_id:
            url = reverse("admin:roster_person_time_off", args=[calendar.person_id])
            return link_to(url, str(calendar.person))
        url = reverse("admin:roster_schedule_calendars", args=[calendar.schedule_id])
        return link_to(url, str(calendar.schedule))

    @display(description="Could not be used")
    def problem_list(self, calendar: ImportedCalendar) -> str:
        return "\n".join(calendar.problems) or "–"


@admin.register(CalendarFeed)
class CalendarFeedAdmin(ReadOnlyModelAdmin):
    """Feed addresses, to close one that leaked. The addresses themselves are known to nobody."""

    list_display = ("__str__", "owner", "created_at", "last_read_at", "revoked_at")
    list_select_related = ("owner", "schedule")
    search_fields = ("owner__name", "schedule__name")
    ordering = ("-created_at", "-pk")
    fields = (("owner", "schedule"), "created_at", "last_read_at", "revoked_at")
    actions = ("close",)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("mine/", view(feed_pages.my_feed), name="roster_my_feed"),
            path("<int:pk>/close/", view(feed_pages.close_feed), name="roster_feed_close"),
            *super().get_urls(),
        ]

    def has_close_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("roster.change_calendarfeed")

    @action(description="Close the address", permissions=["close"])
    def close(self, request: HttpRequest, rows: QuerySet[CalendarFeed]) -> None:
        now = timezone.now()
        change_each(request, rows, lambda feed: feeds.revoke(feed, at=now), done="Closed {}.")
