"""Refusals of the domain on the admin's own add and change pages."""

from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse

from roster.admin_base import MusterModelAdmin
from roster.errors import DomainError
from roster.refusals import add_refusal


class RefusableForm(forms.ModelForm):
    """A form that shows what the domain said of the same input a moment ago."""

    refusal: DomainError | None = None

    def is_valid(self) -> bool:
        is_valid = super().is_valid()
        if self.refusal:
            add_refusal(self, self.refusal)
        return is_valid and not self.refusal


class RefusalsOnForm(MusterModelAdmin):
    """Saving may be refused by the domain: the page comes again, as it was typed, and says why."""

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> type[forms.ModelForm]:  # as ModelAdmin
        form: type[forms.ModelForm] = super().get_form(request, obj, change=change, **kwargs)
        if issubclass(form, RefusableForm):
            # The class is made anew for every request.
            form.refusal = getattr(request, "refusal", None)
        return form

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except DomainError as error:
            request.refusal = error  # type: ignore[attr-defined]  # read by get_form
            return super().changeform_view(request, object_id, form_url, extra_context)
