"""Pages about reaching one person: proving an address, and sending a test page."""

from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST
from unfold.sites import UnfoldAdminSite
from unfold.widgets import UnfoldAdminTextInputWidget

from roster import page_tests, verification
from roster.admin.contacts import is_own
from roster.admin.sheets import answer_sheet, is_fetch, show_sheet
from roster.admin_base import actor_of, refusals_as_messages
from roster.deliveries import Delivery, deliveries_of
from roster.errors import DomainError
from roster.models import ContactMethod, Notice, NoticeKind, PageTestCall, Person
from roster.notification_summary import summaries
from roster.page_test_results import Answer, Outcome, answer_of

TESTS_SHOWN = 5
VERIFY = "admin/roster/person/verify.html"
PANEL = "admin/roster/person/reachability.html"


class CodeForm(forms.Form):
    code = forms.CharField(
        label="Code",
        max_length=12,
        widget=UnfoldAdminTextInputWidget(
            attrs={"inputmode": "numeric", "autocomplete": "one-time-code", "autofocus": True}
        ),
    )


class VouchForm(forms.Form):
    reason = forms.CharField(
        label="How do you know that messages arrive there?",
        max_length=80,
        widget=UnfoldAdminTextInputWidget,
    )


def urls(site: UnfoldAdminSite) -> list[URLPattern]:
    """Below the address of people."""
    method = "<int:pk>/contact-methods/<int:method>"
    pages = {
        f"{method}/verify/": (verify_page, "roster_contactmethod_verify"),
        f"{method}/vouch/": (vouch_page, "roster_contactmethod_vouch"),
        "<int:pk>/test-page/": (send_test_page, "roster_person_test_page"),
        "<int:pk>/reachability/": (panel_page, "roster_person_reachability"),
    }
    return [path(route, site.admin_view(view), name=name) for route, (view, name) in pages.items()]


# --- Proving an address --------------------------------------------------------------------------


def verify_page(request: HttpRequest, pk: int, method: int) -> HttpResponse:
    """Have a code sent, then enter it: two steps of one dialog."""
    found = _method(request, pk, method, permission="roster.change_contactmethod")
    to, at = _page_of(found.person), timezone.now()
    if found.verified_at:
        return redirect(to)
    if request.POST.get("step") == "enter":
        form = CodeForm(request.POST)
        return answer_sheet(
            request,
            form,
            lambda: _verify(found, form.cleaned_data["code"]),
            to=to,
            template=VERIFY,
            **_verify_context(request, found),
        )
    refused = ""
    if request.method == "POST":
        try:
            verification.send_code(found, at=at)
        except DomainError as error:
            refused = error.message
    context = _verify_context(request, found)
    return show_sheet(request, VERIFY, form=CodeForm(), to=to, refused=refused, **context)


def _verify(method: ContactMethod, code: str) -> str:
    verification.verify(method, code, at=timezone.now())
    return f"“{method}” is verified: messages arrive there."


def _verify_context(request: HttpRequest, method: ContactMethod) -> dict[str, Any]:
    code = verification.pending(method, at=timezone.now())
    failed: list[Delivery] = []
    if code:
        notices = Notice.objects.filter(
            kind=NoticeKind.VERIFICATION_CODE, contact_method=method, created_at=code.sent_at
        )
        sent = deliveries_of(list(notices))
        failed = [each for found in sent.values() for each in found if each.error]
    return {
        "title": f"Verify “{method}”",
        "address": method.address,
        "code": code,
        "failed": failed,
        "may_vouch": request.user.has_perm("roster.verify_contactmethod"),
        "vouch_url": reverse(
            "admin:roster_contactmethod_vouch", args=[method.person_id, method.pk]
        ),
        "whose": "whoever reads it there" if is_own(request, method.person) else method.person.name,
    }


def vouch_page(request: HttpRequest, pk: int, method: int) -> HttpResponse:
    """An administrator's word instead of a code, with the reason on record."""
    found = _method(request, pk, method, permission="roster.verify_contactmethod", own=False)
    form = VouchForm(request.POST if request.method == "POST" else None)

    def change() -> str:
        reason = form.cleaned_data["reason"]
        verification.vouch(found, by=actor_of(request), at=timezone.now(), reason=reason)
        return f"“{found}” counts as verified, on your word."

    return answer_sheet(
        request,
        form,
        change,
        to=_page_of(found.person),
        title=f"Vouch for “{found}”",
        explanation="For an address that cannot be read at a screen. Your name and your reason "
        "stay in its history.",
        button="Count it as verified",
    )


def _method(
    request: HttpRequest, person: int, pk: int, *, permission: str, own: bool = True
) -> ContactMethod:
    methods = ContactMethod.objects.select_related("person")
    found = get_object_or_404(methods, pk=pk, person=person)
    if not (own and is_own(request, found.person)) and not request.user.has_perm(permission):
        raise PermissionDenied
    return found


# --- Test pages ----------------------------------------------------------------------------------


@require_POST
def send_test_page(request: HttpRequest, pk: int) -> HttpResponse:
    """One's own business; for somebody else it takes the right to plan page tests."""
    person = get_object_or_404(Person.objects.active(), pk=pk)
    if not is_own(request, person) and not request.user.has_perm("roster.add_pagetest"):
        raise PermissionDenied
    with refusals_as_messages(request):
        page_tests.send_to_oneself(person, at=timezone.now())
    to = _page_of(person)
    return HttpResponse(headers={"HX-Redirect": to}) if is_fetch(request) else redirect(to)


@require_GET
def panel_page(request: HttpRequest, pk: int) -> HttpResponse:
    """The panel alone, for the page to keep itself current while a test waits."""
    person = get_object_or_404(Person, pk=pk)
    if not sees_details(request, person):
        raise PermissionDenied
    return show_sheet(
        request,
        "admin/roster/person/reachability_page.html",
        title=f"How {person} is reached",
        original=person,
        reachability=reachability(request, person),
    )


def sees_details(request: HttpRequest, person: Person) -> bool:
    return is_own(request, person) or request.user.has_perm("roster.view_contactmethod")


def reachability(request: HttpRequest, person: Person) -> dict[str, Any]:
    """What the panel on a person's page shows. Five queries."""
    at = timezone.now()
    tests = _tests(person)
    latest = tests[0].call if tests else None
    key = page_tests.notice_key(latest) if latest else ""
    sent = deliveries_of(list(Notice.objects.filter(key=key)))
    return {
        "summaries": summaries(person),
        "tests": tests,
        "deliveries": [delivery for found in sent.values() for delivery in found],
        "is_waiting": any(test.outcome == Outcome.WAITING for test in tests),
        "is_own": is_own(request, person),
        "may_test": person.is_active
        and (is_own(request, person) or request.user.has_perm("roster.add_pagetest")),
        "now": at,
    }


def _tests(person: Person) -> list[Answer]:
    """The last ones, without an unannounced one that still surprises."""
    at = timezone.now()
    calls = PageTestCall.objects.filter(person=person).select_related("test", "person")
    answers = [answer_of(call, at=at) for call in calls.order_by("-sent_at")[: TESTS_SHOWN + 1]]
    return [
        answer
        for answer in answers
        if not (answer.call.test.is_unannounced and answer.outcome == Outcome.WAITING)
    ][:TESTS_SHOWN]


def _page_of(person: Person) -> str:
    return reverse("admin:roster_person_change", args=[person.pk])
