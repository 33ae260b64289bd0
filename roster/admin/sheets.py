"""A form in a dialog of our own script, or on a page of its own where no script runs.

A link with `data-dialog` opens it; its template has a `data-sheet` and a form with `data-post`.
"""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse

from roster.errors import DomainError
from roster.refusals import add_refusal

TEMPLATE = "admin/roster/sheet.html"
BARE = "admin/roster/bare.html"
INPUT_MISSING = 422


def is_fetch(request: HttpRequest) -> bool:
    """Whether our own script asks: it wants the inside, without the frame."""
    return request.headers.get("X-Requested-With") == "fetch"


def show_sheet(
    request: HttpRequest, template: str = TEMPLATE, *, status: int = 200, **context: Any
) -> HttpResponse:  # Any: as templates take it
    """`title`, `form` and `to`, where Cancel leads, are what the stock template needs."""
    if is_fetch(request):
        frame = {"base_template": BARE}
    else:
        frame = {**admin.site.each_context(request), "base_template": "admin/base_site.html"}
    return TemplateResponse(request, template, {**frame, **context}, status=status)


def answer_sheet(
    request: HttpRequest,
    form: forms.Form,
    change: Callable[[], str],
    *,
    to: str,
    template: str = TEMPLATE,
    **context: Any,  # as templates take it
) -> HttpResponse:
    """Show the form; when it is sent, run `change`, say what it answers and go to `to`.

    What is missing or refused comes back as the form, with everything typed and the reason.
    """
    if form.is_valid():
        try:
            done = change()
        except DomainError as error:
            add_refusal(form, error)
        else:
            messages.success(request, done)
            return HttpResponse(headers={"HX-Redirect": to}) if is_fetch(request) else redirect(to)
    status = INPUT_MISSING if form.is_bound else 200
    return show_sheet(request, template, status=status, form=form, to=to, **context)
