"""What people carried in a period, for payroll and for other planners (R157)."""

from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from roster.pay.export import hours
from roster.pay.period import PeriodError, period_asked_for
from roster.pay.statement import Statement, statements
from roster.pay.visibility import people_whose_load


class RosterLoadSerializer(serializers.Serializer[object]):
    """One person's period: hours as decimal numbers, the amount with its currency."""

    person = serializers.SlugField()
    name = serializers.CharField()
    hours = serializers.DecimalField(max_digits=10, decimal_places=2)
    off_hours = serializers.DecimalField(max_digits=10, decimal_places=2)
    night_hours = serializers.DecimalField(max_digits=10, decimal_places=2)
    weekend_hours = serializers.DecimalField(max_digits=10, decimal_places=2)
    holiday_hours = serializers.DecimalField(max_digits=10, decimal_places=2)
    hours_on_two_schedules = serializers.DecimalField(max_digits=10, decimal_places=2)
    pages = serializers.IntegerField()
    off_hours_pages = serializers.IntegerField()
    night_pages = serializers.IntegerField()
    interrupted_nights = serializers.IntegerField()
    plan = serializers.CharField(allow_null=True)
    currency = serializers.CharField(allow_null=True)
    amount = serializers.DecimalField(max_digits=12, decimal_places=2, allow_null=True)


class RosterLoadView(APIView):
    """Hours, nights, weekends, holidays, pages and pay by person."""

    permission_classes = [IsAuthenticated]

    @extend_schema(
        parameters=[
            OpenApiParameter("from", OpenApiTypes.DATE, description="This month without it."),
            OpenApiParameter("to", OpenApiTypes.DATE, description="The last day, included."),
        ],
        responses=RosterLoadSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        """List everybody who carried something; without the right to see rates, only yourself.

        Days, nights and holidays are those of each person's own clock and country.
        """
        now = timezone.now()
        try:
            period = period_asked_for(request.query_params.dict(), timezone.localdate(now))
        except PeriodError as error:
            raise ValidationError({name: [said] for name, said in error.fields.items()}) from error
        people = people_whose_load(request.user)
        found = statements(people, period.first, period.last, at=now)
        rows = [_row(each) for each in found if each.burden.hours or each.burden.pages]
        return Response(RosterLoadSerializer(rows, many=True).data)


def _row(each: Statement) -> dict[str, object]:
    burden, plan = each.burden, each.plan
    return {
        "person": each.person.slug,
        "name": each.person.name,
        "hours": hours(burden.hours),
        "off_hours": hours(burden.off_hours),
        "night_hours": hours(burden.night_hours),
        "weekend_hours": hours(burden.weekend_hours),
        "holiday_hours": hours(burden.holiday_hours),
        "hours_on_two_schedules": hours(burden.doubled),
        "pages": burden.pages,
        "off_hours_pages": burden.off_hours_pages,
        "night_pages": burden.night_pages,
        "interrupted_nights": burden.interrupted_nights,
        "plan": plan.name if plan else None,
        "currency": plan.currency if plan else None,
        "amount": each.amount,
    }
