"""Swaps: offered, asked for, arranged and answered, with what stands against them."""

from datetime import UTC, datetime
from typing import Any

import django_filters
from django.db.models import Q, QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from roster import swaps
from roster.actors import Actor
from roster.api.authentication import actor_of
from roster.api.filters import SlugFilter
from roster.api.idempotency import IdempotentPosts
from roster.api.serializers import StrictSerializer
from roster.errors import DomainError
from roster.models import Person, Schedule, Swap
from roster.preview.reading import YEARS
from roster.swaps.rights import Step, carry_out, steps_for

MODES = {"offer": swaps.offer, "take_over": swaps.take_over, "arrange": swaps.arrange}
# What the domain calls an input, and what it is called here.
FIELDS = {"other": "to"}


class MaySeeSchedules(BasePermission):
    """Whoever sees who is on call sees why; what one may change depends on whose shift it is."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """The same right for everything, since the rest is about persons."""
        return bool(request.user and request.user.has_perm("roster.view_schedule"))


class ConflictSerializer(serializers.Serializer[Any]):  # a roster.conflicts.Conflict
    """Something that stands against a person taking a shift."""

    kind = serializers.CharField()
    person = serializers.CharField(source="person.slug")
    schedule = serializers.CharField(source="schedule.slug")
    other_schedule = serializers.CharField(source="other.slug", default=None)
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    text = serializers.CharField()


class SwapSerializer(serializers.ModelSerializer[Swap]):
    """A swap in the list."""

    reference = serializers.CharField()
    schedule = serializers.SlugRelatedField[Schedule](slug_field="slug", read_only=True)
    giver = serializers.SlugRelatedField[Person](slug_field="slug", read_only=True)
    to = serializers.SlugRelatedField[Person](source="asked", slug_field="slug", read_only=True)
    taker = serializers.SlugRelatedField[Person](slug_field="slug", read_only=True)
    arranged_by = serializers.SlugRelatedField[Person](slug_field="slug", read_only=True)

    class Meta:
        model = Swap
        fields = [
            "reference", "state", "kind", "schedule", "giver", "to", "taker", "arranged_by",
            "starts_at", "ends_at", "return_starts_at", "return_ends_at", "note",
            "giver_confirmed_at", "taker_confirmed_at", "created_at", "settled_at",
            "ended_because",
        ]  # fmt: skip
        read_only_fields = fields


class SwapDetailSerializer(SwapSerializer):
    """A swap with what the reader may do, and what stands against each side."""

    steps = serializers.SerializerMethodField()
    conflicts = serializers.SerializerMethodField()

    class Meta(SwapSerializer.Meta):
        fields = [*SwapSerializer.Meta.fields, "steps", "conflicts"]
        read_only_fields = fields

    def get_steps(self, swap: Swap) -> list[str]:
        """The actions that the reader may take now."""
        request = self.context["request"]
        may_arrange = request.user.has_perm("roster.arrange_swap")
        person = actor_of(request).person
        steps = steps_for(swap, person, may_arrange=may_arrange, at=timezone.now())
        return [str(step) for step in steps]

    @extend_schema(responses=ConflictSerializer(many=True))
    def get_conflicts(self, swap: Swap) -> list[dict[str, Any]]:  # plain values
        """Against whoever is asked, or the reader, and against the giver in an exchange."""
        other = swap.taker or swap.asked or actor_of(self.context["request"]).person
        people = [swap.giver, *([other] if other and other != swap.giver else [])]
        found = [
            conflict
            for person in people
            for conflict in swaps.conflicts_about(swap, person, at=timezone.now())
        ]
        return list(ConflictSerializer(found, many=True).data)


class NewSwapSerializer(StrictSerializer, serializers.Serializer[object]):
    """What is asked for. `giver` and `to` default to the one who asks, as the mode has it."""

    mode = serializers.ChoiceField(choices=sorted(MODES), default="offer")
    schedule = serializers.SlugRelatedField(slug_field="slug", queryset=Schedule.objects.all())
    giver = serializers.SlugRelatedField(
        slug_field="slug", queryset=Person.objects.all(), required=False
    )
    to = serializers.SlugRelatedField(
        slug_field="slug",
        queryset=Person.objects.all(),
        required=False,
        allow_null=True,
        help_text="Without it, an offer goes to everyone who takes turns there.",
    )
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    return_starts_at = serializers.DateTimeField(required=False, allow_null=True)
    return_ends_at = serializers.DateTimeField(required=False, allow_null=True)
    note = serializers.CharField(max_length=300, required=False, allow_blank=True, default="")
    despite = serializers.BooleanField(
        default=False, help_text="Despite conflicts that were named with the code `conflicts`."
    )
    reason = serializers.CharField(
        max_length=300,
        required=False,
        allow_blank=True,
        default="",
        help_text="To arrange only: why somebody without the qualification may take it.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:  # as DRF's
        """Both ends of what is wanted in return, or none; and years that zones know."""
        if bool(attrs.get("return_starts_at")) != bool(attrs.get("return_ends_at")):
            raise serializers.ValidationError({"return_ends_at": ["Give both ends, or neither."]})
        for name, value in attrs.items():
            if isinstance(value, datetime) and value.year not in YEARS:
                raise serializers.ValidationError({name: ["Give a moment of our time."]})
        return attrs


class SwapAnswerSerializer(StrictSerializer, serializers.Serializer[object]):
    """An answer; `despite` takes it despite conflicts that were named."""

    despite = serializers.BooleanField(default=False)


class SwapFilter(django_filters.FilterSet):
    """`?state=offered&schedule=payments&person=ana`."""

    state = django_filters.ChoiceFilter(choices=Swap.State.choices)
    schedule = SlugFilter(field_name="schedule", queryset=Schedule.objects.all())
    person = SlugFilter(field_name="giver", method="of_person", queryset=Person.objects.all())

    class Meta:
        model = Swap
        fields: list[str] = []

    def of_person(self, rows: QuerySet[Swap], name: str, person: Person) -> QuerySet[Swap]:
        """Those in which a person gives, takes or is asked."""
        return rows.filter(Q(giver=person) | Q(taker=person) | Q(asked=person))


class SwapViewSet(
    IdempotentPosts,
    mixins.RetrieveModelMixin,
    mixins.ListModelMixin,
    viewsets.GenericViewSet[Swap],
):
    """Swaps of shifts. The same request or answer again changes nothing."""

    queryset = Swap.objects.for_display()
    serializer_class = SwapSerializer
    filterset_class = SwapFilter
    permission_classes = [MaySeeSchedules]
    lookup_field = "number"
    lookup_url_kwarg = "reference"
    lookup_value_regex = r"[A-Za-z]{1,10}-[0-9]{1,18}"
    http_method_names = ["get", "head", "options", "post"]

    def get_object(self) -> Swap:
        """By its reference, such as SWAP-12."""
        prefix, _, number = self.kwargs["reference"].partition("-")
        rows = self.get_queryset() if prefix.upper() == "SWAP" else Swap.objects.none()
        return get_object_or_404(rows, number=number)

    def get_serializer_class(self) -> type[SwapSerializer]:
        """Name conflicts only where one swap is shown."""
        return SwapSerializer if self.action == "list" else SwapDetailSerializer

    @extend_schema(request=NewSwapSerializer, responses={201: SwapDetailSerializer})
    def create(self, request: Request) -> Response:
        """Offer a shift, ask to take one over, or arrange it for others."""
        serializer = NewSwapSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        wish, actor = serializer.validated_data, actor_of(request)
        proposal = self._proposal(wish, actor)
        try:
            swap = MODES[wish["mode"]](proposal, by=actor, at=timezone.now())
        except DomainError as error:
            fields = {FIELDS.get(name, name): texts for name, texts in error.fields.items()}
            raise DomainError(error.code, error.message, fields) from error
        return Response(self._shown(swap), status=201)

    @extend_schema(request=SwapAnswerSerializer, responses=SwapDetailSerializer)
    @action(methods=["post"], detail=True)
    def accept(self, request: Request, reference: str) -> Response:
        """Take it. Refused with the code `conflicts` until they are confirmed by `despite`."""
        return self._answer(Step.ACCEPT)

    @extend_schema(request=SwapAnswerSerializer, responses=SwapDetailSerializer)
    @action(methods=["post"], detail=True)
    def confirm(self, request: Request, reference: str) -> Response:
        """Agree to it, as the one whose shift it is."""
        return self._answer(Step.CONFIRM)

    @extend_schema(request=None, responses=SwapDetailSerializer)
    @action(methods=["post"], detail=True)
    def decline(self, request: Request, reference: str) -> Response:
        """Say no."""
        return self._answer(Step.DECLINE)

    @extend_schema(request=None, responses=SwapDetailSerializer)
    @action(methods=["post"], detail=True)
    def cancel(self, request: Request, reference: str) -> Response:
        """Call off what is not agreed yet."""
        return self._answer(Step.CANCEL)

    @extend_schema(request=None, responses=SwapDetailSerializer)
    @action(methods=["post"], detail=True, url_path="give-back")
    def give_back(self, request: Request, reference: str) -> Response:
        """Undo what is agreed, as far as it is to come."""
        return self._answer(Step.GIVE_BACK)

    def _answer(self, step: Step) -> Response:
        answer = SwapAnswerSerializer(data=self.request.data)
        answer.is_valid(raise_exception=True)
        swap = carry_out(
            step,
            self.get_object(),
            by=actor_of(self.request),
            at=timezone.now(),
            may_arrange=self._may_arrange(),
            despite=answer.validated_data["despite"],
        )
        return Response(self._shown(swap))

    def _proposal(self, wish: dict[str, Any], actor: Actor) -> swaps.Proposal:
        """Raises PermissionDenied for the shift of another, unless swaps may be arranged."""
        giver, to, mode = wish.get("giver"), wish.get("to"), wish["mode"]
        if mode == "offer":
            giver = giver or actor.person
        if mode == "take_over":
            to = to or actor.person
        own = to if mode == "take_over" else giver
        is_own = own is not None and own == actor.person and mode != "arrange"
        if not is_own and not self._may_arrange():
            raise PermissionDenied("Arranging swaps for others needs a right of its own.")
        if giver is None:
            raise DomainError(
                "giver_needed", "Say whose shift it is.", {"giver": ["Say whose shift it is."]}
            )
        in_return = None
        if wish.get("return_starts_at") and wish.get("return_ends_at"):
            in_return = _utc(wish["return_starts_at"]), _utc(wish["return_ends_at"])
        return swaps.Proposal(
            schedule=wish["schedule"],
            giver=giver,
            starts_at=_utc(wish["starts_at"]),
            ends_at=_utc(wish["ends_at"]),
            other=to,
            in_return=in_return,
            note=wish["note"],
            despite=wish["despite"],
            reason=wish["reason"],
        )

    def _may_arrange(self) -> bool:
        return bool(self.request.user.has_perm("roster.arrange_swap"))

    # Plain values, as the serializer makes them.
    def _shown(self, swap: Swap) -> Any:
        return SwapDetailSerializer(swap, context=self.get_serializer_context()).data


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)
