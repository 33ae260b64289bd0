"""How often one client may write."""

from typing import TYPE_CHECKING

from redis import RedisError
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.throttling import UserRateThrottle

if TYPE_CHECKING:
    # The module of views loads this one as a default of theirs.
    from rest_framework.views import APIView


class WriteThrottle(UserRateThrottle):
    """Counts changes per account; reading is never throttled."""

    scope = "write"

    def allow_request(self, request: Request, view: "APIView") -> bool:
        """Let reads pass uncounted, and everything while the counts cannot be read."""
        try:
            return request.method in SAFE_METHODS or super().allow_request(request, view)
        except RedisError:
            return True
