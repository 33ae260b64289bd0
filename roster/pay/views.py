"""The page "Pay and load": what people carried in a period, and what it comes to."""

from datetime import date

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from roster.pay.charts import hours_chart, pages_chart
from roster.pay.export import write_csv
from roster.pay.period import Period, PeriodError, period_asked_for, usual_periods
from roster.pay.statement import Statement, statements, totals
from roster.pay.visibility import people_whose_load, sees_all


def load_page(request: HttpRequest) -> HttpResponse:
    """`?from=` and `?to=` are days; `?format=csv` gives the same as a file.

    Everybody who carried something is shown to those who see the rates; others see themselves.
    """
    today = timezone.localdate()
    try:
        period, errors = period_asked_for(request.GET.dict(), today), {}
    except PeriodError as error:
        period, errors = period_asked_for({}, today), error.fields
    found = [] if errors else _statements(request, period)
    if request.GET.get("format") == "csv" and not errors:
        return _file(found, period)
    return render(
        request, "admin/roster/load.html", _context(request, period, errors, found, today)
    )


def _statements(request: HttpRequest, period: Period) -> list[Statement]:
    people = people_whose_load(request.user)
    found = statements(people, period.first, period.last, at=timezone.now())
    return [each for each in found if each.burden.hours or each.burden.pages]


def _context(
    request: HttpRequest,
    period: Period,
    errors: dict[str, str],
    found: list[Statement],
    today: date,
) -> dict[str, object]:
    burden, amounts = totals(found)
    return {
        **admin.site.each_context(request),
        "title": "Pay and load",
        "period": period,
        "asked": request.GET if errors else None,
        "errors": errors,
        "usual": usual_periods(today),
        "is_running": period.first <= today <= period.last,
        "found": found,
        "total": burden,
        "amounts": amounts,
        "unpaid": sum(each.plan is None for each in found),
        "sees_all": sees_all(request.user),
        "hours_chart": hours_chart(found),
        "pages_chart": pages_chart(found) if burden.pages else None,
    }


def _file(found: list[Statement], period: Period) -> HttpResponse:
    name = f"on-call-{period.first}-to-{period.last}.csv"
    response = HttpResponse(
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
    write_csv(found, period.first, period.last, response)  # type: ignore[arg-type]  # it writes text
    return response
