"""My pages in the admin, for whoever is logged in."""

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from incidents.models import Page
from incidents.my_pages_screen import Visit, respond
from roster.actors import Actor
from roster.admin_base import person_of

TEMPLATE = "admin/incidents/my_pages.html"


def my_pages_page(request: HttpRequest) -> HttpResponse:
    """Asks for no permission: what is shown went to this person, or is theirs already."""

    def framed(part: str, context: dict[str, object]) -> HttpResponse:
        frame = admin.site.each_context(request)
        shown = {**frame, "opts": Page._meta, **context, "part": part}
        return render(request, TEMPLATE, shown)

    person = person_of(request)
    if person is None:
        return framed("incidents/my_pages/nobody.html", {"title": "My pages"})
    return respond(Visit(request, person, Actor.of_person(person, via="admin"), framed))
