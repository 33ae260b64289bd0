"""The report form: for whoever is logged in, and for whoever holds its secret address."""

from datetime import datetime, timedelta

from django.contrib.auth.decorators import login_required
from django.core import signing
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from incidents import reports
from incidents.models import Integration, Report
from incidents.report_forms import ReportForm
from roster.errors import DomainError
from roster.models import Person
from roster.refusals import add_refusal

SALT = "incidents.report"
# An address that got out must not open incidents without end.
PER_HOUR = 120


@never_cache
@login_required(login_url="admin:login")
@require_http_methods(["GET", "HEAD", "POST"])
def report_page(request: HttpRequest) -> HttpResponse:
    """For whoever is logged in, with whatever rights."""
    person = Person.objects.active().filter(user=request.user.pk).first()
    return _answer(request, person=person, integration=None, at=timezone.now())


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def secret_report_page(request: HttpRequest, key: str) -> HttpResponse:
    """For whoever was given the address: it holds the key of an integration of this kind."""
    at = timezone.now()
    found = Integration.objects.active().with_key(key, at=at).filter(kind="report")
    integration = found.select_related("service").first()
    if integration is None:
        raise Http404("There is no such form.")
    return _answer(request, person=None, integration=integration, at=at)


def _answer(
    request: HttpRequest, *, person: Person | None, integration: Integration | None, at: datetime
) -> HttpResponse:
    if token := request.GET.get("sent"):
        return _page(request, {"title": "Thank you", "report": _sent(token)})
    form = ReportForm(request.POST if request.method == "POST" else None, person=person)
    if form.is_valid():
        try:
            report = _take(form, integration, at)
        except DomainError as error:
            add_refusal(form, error)
        else:
            # Reloading the answer must not send the report again.
            return HttpResponseRedirect(f"?sent={signing.dumps(report.pk, salt=SALT)}")
    context = {"title": "Report that something is broken", "form": form, "person": person}
    return _page(request, context)


def _take(form: ReportForm, integration: Integration | None, at: datetime) -> Report:
    if integration is not None:
        recent = integration.reports.filter(created_at__gt=at - timedelta(hours=1))
        if recent.count() >= PER_HOUR:
            raise DomainError(
                "too_many", "So many reports came in that no more are taken here. Please call."
            )
    return reports.take(
        form.said(),
        form.reporter(),
        at=at,
        incident=form.cleaned_data.get("incident"),
        integration=integration,
    )


def _sent(token: str) -> Report:
    """The report behind the address that its sender was led to; it tells how things stand."""
    try:
        pk = signing.loads(token, salt=SALT)
    except signing.BadSignature:
        raise Http404("There is no such report.") from None
    found = Report.objects.select_related("incident__severity", "service").filter(pk=pk).first()
    if found is None:
        raise Http404("There is no such report.")
    return found


def _page(request: HttpRequest, context: dict[str, object]) -> HttpResponse:
    response = render(request, "incidents/report.html", context)
    # The address may be a secret: it must not travel on to where a link leads.
    response["Referrer-Policy"] = "same-origin"
    return response
