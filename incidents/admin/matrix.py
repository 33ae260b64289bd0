"""The severity matrix as a grid: who is affected down, how badly across, severities inside."""

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.decorators import action

from incidents.admin import fields
from incidents.models import ImpactDegree, ImpactExtent, Severity, SeverityRule
from roster.admin_base import MusterModelAdmin


class MatrixForm(forms.Form):
    """One choice of severity for each pair of extent and degree; empty proposes nothing."""

    def __init__(self, data: QueryDict | None = None) -> None:
        super().__init__(data)
        self.extents = list(ImpactExtent.objects.all())
        self.degrees = list(ImpactDegree.objects.all())
        rules = SeverityRule.objects.values_list("extent_id", "degree_id", "severity_id")
        known = {(extent, degree): severity for extent, degree, severity in rules}
        choices = [("", "–"), *Severity.objects.values_list("pk", "name")]
        for extent in self.extents:
            for degree in self.degrees:
                self.fields[_name(extent, degree)] = fields.choice(
                    f"{extent}, {degree}",
                    choices,
                    required=False,
                    initial=known.get((extent.pk, degree.pk)),
                )

    def rows(self) -> list[tuple[ImpactExtent, list[forms.BoundField]]]:
        return [
            (extent, [self[_name(extent, degree)] for degree in self.degrees])
            for extent in self.extents
        ]

    def save(self) -> None:
        """Write the whole grid anew."""
        rules = [
            SeverityRule(extent=extent, degree=degree, severity_id=int(chosen))
            for extent in self.extents
            for degree in self.degrees
            if (chosen := self.cleaned_data[_name(extent, degree)])
        ]
        with transaction.atomic():
            SeverityRule.objects.all().delete()
            SeverityRule.objects.bulk_create(rules)


def _name(extent: ImpactExtent, degree: ImpactDegree) -> str:
    return f"field_{extent.pk}_{degree.pk}"


class SeverityMatrixMixin(MusterModelAdmin):
    """Adds the page of the matrix to the severities."""

    @action(description="Severity matrix", url_path="matrix", icon="grid_on", permissions=["view"])
    def matrix(self, request: HttpRequest) -> HttpResponse:
        may_change = self.has_change_permission(request)
        if request.method == "POST" and not may_change:
            raise PermissionDenied
        form = MatrixForm(request.POST if request.method == "POST" else None)
        if form.is_valid():
            form.save()
            messages.success(
                request, "The matrix is saved. It applies from the next declaration on."
            )
            return HttpResponseRedirect(reverse("admin:incidents_severity_matrix"))
        context = {
            **self.admin_site.each_context(request),
            "opts": self.model._meta,
            "title": "Severity matrix",
            "form": form,
            "may_change": may_change,
        }
        return TemplateResponse(request, "admin/incidents/severity/matrix.html", context)
