"""What providers say afterwards about messages they had accepted."""

from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import generics, serializers
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response

from comms import outbox
from comms.models import Message
from roster.api.authentication import actor_of
from roster.api.idempotency import IdempotentPosts

REASON_LENGTH = 500


class MayRetryMessages(BasePermission):
    """What it starts is another try: it needs the right to have one made, and none to see any."""

    def has_permission(self, request: Request, view: object) -> bool:
        return request.user.has_perm("comms.retry_message")


class UndeliveredInput(serializers.Serializer):
    reason = serializers.CharField(max_length=REASON_LENGTH, required=False, allow_blank=True)


class UndeliveredOutput(serializers.Serializer):
    key = serializers.CharField()
    state = serializers.CharField()


class MessageUndeliveredView(IdempotentPosts, generics.GenericAPIView[Message]):
    """For a provider's callback: a message that it accepted did not arrive."""

    queryset = Message.objects.all()
    serializer_class = UndeliveredInput
    permission_classes = [MayRetryMessages]

    @extend_schema(request=UndeliveredInput, responses=UndeliveredOutput)
    def post(self, request: Request, key: str) -> Response:
        """Have the person's next method tried at once. Saying it again changes nothing.

        `key` is the part before the @ of a mail's Message-ID. The caller learns nothing about the
        message, so that a provider's token needs no right to see any.
        """
        given = UndeliveredInput(data=request.data)
        given.is_valid(raise_exception=True)
        rows = Message.objects.select_related("incident", "person")
        message = get_object_or_404(rows, key=key)
        reason = given.validated_data.get("reason", "")
        outbox.report_undelivered(message, reason, by=actor_of(request), at=timezone.now())
        message.refresh_from_db(fields=["state"])
        return Response({"key": message.key, "state": message.state})
