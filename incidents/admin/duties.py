"""The responsibilities matrix (R104): duties down, roles across, ticked where a role has one."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.decorators import action

from incidents.models import Duty, Role
from roster.admin_base import MusterModelAdmin


class DutyMatrixMixin(MusterModelAdmin):
    """Adds the page of the whole matrix to the duties."""

    @action(
        description="Responsibilities matrix",
        url_path="matrix",
        icon="grid_on",
        permissions=["view"],
    )
    def matrix(self, request: HttpRequest) -> HttpResponse:
        may_change = self.has_change_permission(request)
        if request.method == "POST":
            if not may_change:
                raise PermissionDenied
            _save(request.POST)
            messages.success(request, "The responsibilities are saved.")
            return HttpResponseRedirect(reverse("admin:incidents_duty_matrix"))
        roles = list(Role.objects.all())
        context = {
            **self.admin_site.each_context(request),
            "opts": self.model._meta,
            "title": "Responsibilities matrix",
            "is_fullwidth": "1",
            "roles": roles,
            "rows": _rows(roles),
            "may_change": may_change,
        }
        return TemplateResponse(request, "admin/incidents/duty/matrix.html", context)


def _rows(roles: list[Role]) -> list[tuple[Duty, list[tuple[str, bool, Role]]]]:
    """Each duty with one field a role: its name in the form, whether it is ticked, the role."""
    carried = set(Duty.roles.through.objects.values_list("duty_id", "role_id"))
    return [
        (duty, [(f"{duty.pk}-{role.pk}", (duty.pk, role.pk) in carried, role) for role in roles])
        for duty in Duty.objects.all()
    ]


def _save(ticked: QueryDict) -> None:
    """Write the whole matrix anew; fields of rows that are gone meanwhile are passed over."""
    duties = Duty.objects.values_list("pk", flat=True)
    roles = list(Role.objects.values_list("pk", flat=True))
    rows = [
        Duty.roles.through(duty_id=duty, role_id=role)
        for duty in duties
        for role in roles
        if f"{duty}-{role}" in ticked
    ]
    with transaction.atomic():
        Duty.roles.through.objects.all().delete()
        Duty.roles.through.objects.bulk_create(rows)
