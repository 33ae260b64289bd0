"""What every admin page shares: who is acting, how a refusal is told, what may only be read."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import models
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from unfold.admin import ModelAdmin, TabularInline
from unfold.paginator import InfinitePaginator

from roster.actors import Actor
from roster.errors import DomainError
from roster.models import Person
from roster.refusals import add_refusal


class MusterModelAdmin(ModelAdmin):
    """The defaults of every list and form. A list never counts the whole table."""

    list_per_page = 50
    show_full_result_count = False
    list_fullwidth = True
    list_filter_submit = True
    warn_unsaved_form = True
    compressed_fields = True
    # What Django does by itself from 6.0 on.
    formfield_overrides: Mapping[type[models.Field[Any, Any]], Mapping[str, Any]] = {
        models.URLField: {"assume_scheme": "https"}
    }


class ReadOnlyModelAdmin(MusterModelAdmin):
    """For rows that only the domain writes: looked at here, changed by nobody."""

    paginator = InfinitePaginator
    warn_unsaved_form = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class ReadOnlyInline(TabularInline):
    """Related rows to look at, ten a page."""

    extra = 0
    per_page = 10
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


def person_of(request: HttpRequest) -> Person | None:
    """The active person behind the login, if there is one. One query."""
    return Person.objects.active().filter(user=request.user.pk).first()


def actor_of(request: HttpRequest) -> Actor:
    """Who the record will name for what this request does."""
    if not request.user.is_authenticated:
        raise PermissionDenied
    return Actor.of_user(request.user, via="admin")


@contextmanager
def refusals_as_messages(request: HttpRequest) -> Iterator[None]:
    """For buttons without a form: a refusal becomes a message on the next page."""
    try:
        yield
    except DomainError as error:
        messages.error(request, error.message)


def answer_dialog(
    request: HttpRequest,
    form: forms.BaseForm,
    change: Callable[[], object],
    *,
    done: str,
    to: str,
) -> HttpResponse:
    """Run `change` for a valid dialog, then go to `to` and say `done`.

    A refusal is shown in the dialog, which stays open with everything that was typed. Unfold's
    dialogs live in htmx: only an `HX-Redirect` header closes one.
    """
    try:
        change()
    except DomainError as error:
        add_refusal(form, error)
        return render(request, "unfold/helpers/dialog.html", {"dialog": {}, "form": form})
    messages.success(request, done)
    return HttpResponse(headers={"HX-Redirect": to})


def change_each[M: Model](
    request: HttpRequest, rows: Iterable[M], change: Callable[[M], object], *, done: str
) -> None:
    """Bulk actions: one row at a time, then how many were `done` and why others were refused.

    `done` takes the count, as in "Sent {} again.".
    """
    count = 0
    for row in rows:
        try:
            change(row)
        except DomainError as error:
            messages.error(request, f"{row}: {error.message}")
        else:
            count += 1
    if count:
        messages.success(request, done.format(count))
