"""Page tests over the API: plan one, call it off, read how it went."""

from django.db.models import Prefetch
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import mixins, serializers, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from roster import page_tests
from roster.api.authentication import account_of, actor_of
from roster.api.idempotency import IdempotentPosts
from roster.api.permissions import ModelOrActionPermission
from roster.models import PageTest, PageTestCall, Person, Schedule, Team
from roster.page_test_results import Answer, answer_of, summary
from roster.page_tests import Targets

REFERENCE = r"[A-Za-z]+-\d+"


class AnswerSerializer(serializers.Serializer[Answer]):
    """One person paged, and after how many seconds they answered; null while they have not."""

    person = serializers.SlugField(source="call.person.slug")
    via = serializers.CharField(source="call.via")
    sent_at = serializers.DateTimeField(source="call.sent_at")
    acknowledged_at = serializers.DateTimeField(source="call.acknowledged_at", allow_null=True)
    outcome = serializers.CharField()
    seconds = serializers.SerializerMethodField()

    def get_seconds(self, answer: Answer) -> float | None:
        """In whole and parts."""
        return answer.after.total_seconds() if answer.after is not None else None


class PageTestSerializer(serializers.ModelSerializer[PageTest]):
    """A test: whom it pages, when, and how it went so far."""

    schedules = serializers.SlugRelatedField(
        slug_field="slug", queryset=Schedule.objects.active(), many=True, required=False
    )
    teams = serializers.SlugRelatedField(
        slug_field="slug", queryset=Team.objects.all(), many=True, required=False
    )
    people = serializers.SlugRelatedField(
        slug_field="slug", queryset=Person.objects.active(), many=True, required=False
    )
    state = serializers.SerializerMethodField()
    median_seconds = serializers.SerializerMethodField()
    answers = serializers.SerializerMethodField()

    class Meta:
        model = PageTest
        fields = [
            "reference", "name", "is_unannounced", "schedules", "teams", "people", "starts_at",
            "answer_within_minutes", "state", "sent_at", "cancelled_at", "cancelled_because",
            "median_seconds", "answers",
        ]  # fmt: skip
        read_only_fields = ["sent_at", "cancelled_at", "cancelled_because"]

    def create(self, validated_data: dict[str, object]) -> PageTest:
        """Plan it; a refusal names its field."""
        chosen = {name: validated_data.pop(name, ()) for name in ("schedules", "teams", "people")}
        return page_tests.plan(
            PageTest(**validated_data),
            Targets(**chosen),  # type: ignore[arg-type]  # rows of the fields' own querysets
            by=account_of(self.context["request"]),
            at=timezone.now(),
        )

    def get_state(self, test: PageTest) -> str:
        """Planned, sent or cancelled."""
        return test.state.lower()

    def get_median_seconds(self, test: PageTest) -> float | None:
        """Of those who answered; null before anybody did."""
        found = summary(self._answers(test)).median
        return found.total_seconds() if found is not None else None

    @extend_schema_field(AnswerSerializer(many=True))
    def get_answers(self, test: PageTest) -> object:
        """The quickest first, the missing last."""
        answers = summary(self._answers(test)).answers
        return AnswerSerializer(answers, many=True).data  # type: ignore[arg-type]  # many

    def _answers(self, test: PageTest) -> list[Answer]:
        return [answer_of(call, at=timezone.now()) for call in test.calls.all()]


class PageTestViewSet(
    IdempotentPosts,
    mixins.CreateModelMixin,
    mixins.RetrieveModelMixin,
    mixins.ListModelMixin,
    viewsets.GenericViewSet[PageTest],
):
    """Page tests, announced or not. One that was planned is called off, never edited."""

    queryset = PageTest.objects.order_by("-starts_at", "-pk").prefetch_related(
        "schedules",
        "teams",
        "people",
        Prefetch(
            "calls",
            PageTestCall.objects.select_related("person", "test").order_by("person__name", "pk"),
        ),
    )
    serializer_class = PageTestSerializer
    permission_classes = [ModelOrActionPermission]
    lookup_field = "reference"
    lookup_value_regex = REFERENCE
    http_method_names = ["get", "head", "options", "post"]

    def get_object(self) -> PageTest:
        """Find it by PT-3."""
        try:
            # DRF's base does not know the queryset's own methods.
            test: PageTest = self.get_queryset().get_by_reference(self.kwargs["reference"])  # type: ignore[attr-defined]
        except PageTest.DoesNotExist:
            raise NotFound from None
        self.check_object_permissions(self.request, test)
        return test

    @extend_schema(request=None, responses=PageTestSerializer)
    @action(methods=["post"], detail=True, permission_classes=[IsAuthenticated])
    def cancel(self, request: Request, reference: str) -> Response:
        """Call a planned test off: 409 once it was sent."""
        if not request.user.has_perm("roster.change_pagetest"):
            self.permission_denied(request)
        test = self.get_object()
        page_tests.cancel(test, by=actor_of(request), at=timezone.now())
        return Response(self.get_serializer(self.get_object()).data)
