"""My pages behind the link of a message, for whoever is not logged in."""

from datetime import datetime

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from incidents.link_purposes import PAGE_LIFETIME
from incidents.my_pages_screen import Visit, respond
from roster.actors import Actor
from roster.links import LinkPurpose, register_purpose
from roster.models import Person


class MyPagesPurpose(LinkPurpose[Person]):
    """All that waits for the person whom the message went to, and nothing of anybody else."""

    name = "pages.mine"
    lifetime = PAGE_LIFETIME

    def load(self, pk: int) -> Person | None:
        return Person.objects.active().filter(pk=pk).first()

    def title(self, subject: Person) -> str:
        return "My pages"

    def respond(self, request: HttpRequest, subject: Person, person: Person) -> HttpResponse:
        def framed(part: str, context: dict[str, object]) -> HttpResponse:
            shown = {**context, "part": part, "person": person}
            return render(request, "incidents/my_pages/link.html", shown)

        return respond(Visit(request, person, Actor.of_person(person), framed))

    def perform(self, subject: Person, person: Person, *, at: datetime) -> str:
        """Never reached: the screen answers by itself."""
        raise NotImplementedError


register_purpose(MyPagesPurpose())
