"""A person's way from responder to lead, and one qualification granted to several people."""

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from unfold.decorators import action
from unfold.widgets import (
    UnfoldAdminDateWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from roster import qualification
from roster.admin.qualifications import status_chip
from roster.admin_base import change_each
from roster.models import ConfidenceRating, Person, Qualification, QualificationGrant, Shadowing
from roster.watch import prove_people_soon

# Of shifts beside somebody and of ratings, on the page of one person.
SHOWN = 10


class GrantManyForm(forms.Form):
    """One qualification for several people at once, as after a course."""

    qualification = forms.ModelChoiceField(
        Qualification.objects.order_by("name"), empty_label=None, widget=UnfoldAdminSelectWidget
    )
    granted_on = forms.DateField(widget=UnfoldAdminDateWidget)
    earned_by = forms.ChoiceField(
        choices=QualificationGrant.EarnedBy.choices, widget=UnfoldAdminSelectWidget
    )
    evidence = forms.CharField(
        max_length=500,
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text="A course, a certificate's number, a link.",
    )


class PathMixin:
    """For the admin of people."""

    def get_urls(self) -> list[URLPattern]:
        view = admin.site.admin_view
        own = [
            path("<int:pk>/path/", view(path_page), name="roster_person_path"),
            path("grant/", view(grant_page), name="roster_person_grant"),
        ]
        return [*own, *super().get_urls()]  # type: ignore[misc]  # a mixin

    def save_model(
        self, request: HttpRequest, obj: Person, form: forms.ModelForm, change: bool
    ) -> None:
        """Whoever leaves or comes back changes what is covered."""
        super().save_model(request, obj, form, change)  # type: ignore[misc]  # a mixin
        if change and "is_active" in form.changed_data:
            prove_people_soon([obj.pk], at=timezone.now())

    def has_grant_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("roster.add_qualificationgrant")

    @action(description="Grant a qualification", permissions=["grant"])
    def grant_qualification(self, request: HttpRequest, people: QuerySet[Person]) -> HttpResponse:
        """Only leads to the page that asks which one."""
        chosen = QueryDict(mutable=True)
        chosen.setlist("person", [str(pk) for pk in people.values_list("pk", flat=True)])
        return redirect(f"{reverse('admin:roster_person_grant')}?{chosen.urlencode()}")

    @action(description="Path", icon="trending_up", permissions=["view"])
    def show_path(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return redirect("admin:roster_person_path", object_id)


def path_page(request: HttpRequest, pk: int) -> HttpResponse:
    """What a person holds, what is left to do for the next, and how confident they felt.

    One's own, or with the right to see grants; ratings are the person's and the editors'.
    """
    person = get_object_or_404(Person, pk=pk)
    is_own = person.user_id is not None and person.user_id == request.user.pk
    if not (is_own or request.user.has_perm("roster.view_qualificationgrant")):
        raise PermissionDenied
    sees_ratings = is_own or request.user.has_perm("roster.view_confidencerating")
    at, today = timezone.now(), timezone.localdate()
    way = qualification.path_of(person, at)
    ratings = ConfidenceRating.objects.filter(person=person).select_related("schedule")
    beside = Shadowing.objects.of(person).select_related("schedule", "person", "follows")
    context = {
        **admin.site.each_context(request),
        "title": f"Path of {person}",
        "person": person,
        "is_own": is_own,
        "steps": [(step, status_chip(step.held, today) if step.held else "") for step in way.steps],
        "ratings": list(ratings.order_by("-at", "-pk")[:SHOWN]) if sees_ratings else None,
        "shadowings": list(beside.order_by("-starts_at", "-pk")[:SHOWN]),
        "now": at,
        "may_grant": request.user.has_perm("roster.add_qualificationgrant"),
    }
    return render(request, "admin/roster/path.html", context)


def grant_page(request: HttpRequest) -> HttpResponse:
    """Ask for the qualification, and grant it to everybody chosen; those refused are named."""
    if not request.user.has_perm("roster.add_qualificationgrant"):
        raise PermissionDenied
    asked = request.POST if request.method == "POST" else request.GET
    pks = [pk for pk in asked.getlist("person") if pk.isdecimal()]
    people = list(Person.objects.active().filter(pk__in=pks).order_by("name", "pk"))
    if not people:
        messages.error(request, "Nobody is chosen. Select people in the list first.")
        return redirect("admin:roster_person_changelist")
    form = GrantManyForm(
        request.POST if request.method == "POST" else None,
        initial={
            "granted_on": timezone.localdate(),
            "qualification": request.GET.get("qualification"),
        },
    )
    if form.is_valid():
        _grant_all(request, people, form)
        if len(people) == 1:
            return redirect("admin:roster_person_path", people[0].pk)
        return redirect("admin:roster_person_changelist")
    context = {
        **admin.site.each_context(request),
        "title": "Grant a qualification",
        "people": people,
        "form": form,
    }
    return render(request, "admin/roster/grant.html", context)


def _grant_all(request: HttpRequest, people: list[Person], form: GrantManyForm) -> None:
    what, at = form.cleaned_data["qualification"], timezone.now()
    earned = qualification.Earned(
        on=form.cleaned_data["granted_on"],
        by=form.cleaned_data["earned_by"],
        evidence=form.cleaned_data["evidence"],
    )
    change_each(
        request,
        people,
        lambda person: qualification.grant(person, what, earned, at=at),
        done=f"Granted “{what}” to {{}}.",
    )
