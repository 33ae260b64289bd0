"""Who was paged and who was asked to help: to look at. One acts on the incident page."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import URLPattern, path
from django.utils.safestring import SafeString
from unfold.decorators import display

from incidents.admin.my_pages import my_pages_page
from incidents.models import Page, Responder
from roster.admin_base import ReadOnlyModelAdmin
from roster.templatetags.muster import chip, duration, moment

PAGE_TONES = {"pending": "amber", "acknowledged": "green", "declined": "red", "stopped": "gray"}
RESPONDER_TONES = {
    "requested": "amber",
    "acknowledged": "green",
    "declined": "red",
    "released": "gray",
    "cancelled": "gray",
}


@admin.register(Page)
class PageAdmin(ReadOnlyModelAdmin):
    """One attempt to reach one person, newest first."""

    list_display = ("person", "incident", "state_shown", "via_target", "sent", "answered_after")
    list_filter = ("state", "urgency")
    list_select_related = ("person", "incident__severity")
    search_fields = ("person__name", "incident__title")
    ordering = ("-created_at", "-pk")

    def get_urls(self) -> list[URLPattern]:
        mine = path("mine/", admin.site.admin_view(my_pages_page), name="incidents_page_mine")
        return [mine, *super().get_urls()]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Page]:
        return super().get_queryset(request).visible_to(request.user)

    @display(description="State", ordering="state")
    def state_shown(self, page: Page) -> SafeString:
        return chip(page.get_state_display(), PAGE_TONES[page.state])

    @display(description="Paged", ordering="created_at")
    def sent(self, page: Page) -> SafeString | str:
        return moment(page.created_at)

    @display(description="Answered after")
    def answered_after(self, page: Page) -> str:
        return duration(page.acknowledged_at - page.created_at) if page.acknowledged_at else "–"


@admin.register(Responder)
class ResponderAdmin(ReadOnlyModelAdmin):
    """Every engagement, from request to release, newest first."""

    list_display = ("person", "incident", "purpose", "state_shown", "asked", "answered_after")
    list_filter = ("state", "purpose")
    list_select_related = ("person", "incident__severity")
    search_fields = ("person__name", "incident__title", "message")
    ordering = ("-requested_at", "-pk")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Responder]:
        return super().get_queryset(request).visible_to(request.user)

    @display(description="State", ordering="state")
    def state_shown(self, responder: Responder) -> SafeString:
        return chip(responder.get_state_display(), RESPONDER_TONES[responder.state])

    @display(description="Asked", ordering="requested_at")
    def asked(self, responder: Responder) -> SafeString | str:
        return moment(responder.requested_at)

    @display(description="Answered after")
    def answered_after(self, responder: Responder) -> str:
        answered = responder.acknowledged_at
        return duration(answered - responder.requested_at) if answered else "–"
