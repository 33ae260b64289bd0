"""History of configuration: who changed what, to look at."""

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from simple_history.admin import SimpleHistoryAdmin

from roster.admin_base import MusterModelAdmin


class HistoryAdmin(SimpleHistoryAdmin, MusterModelAdmin):
    """Keeps the "History" page of django-simple-history, without its way back.

    Its form writes an old version over the present one for whoever may see the history, and by
    that over who was on call: so a POST is refused here.
    """

    def revert_disabled(self, request: HttpRequest, obj: object = None) -> bool:
        return True

    def history_form_view(
        self,
        request: HttpRequest,
        object_id: str,
        version_id: str,
        extra_context: dict[str, object] | None = None,
    ) -> HttpResponse:
        if request.method == "POST":
            raise PermissionDenied
        return super().history_form_view(request, object_id, version_id, extra_context)
