from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from unfold.decorators import action, display

from roster.admin_base import MusterModelAdmin
from roster.models import ApiToken


@admin.register(ApiToken)
class ApiTokenAdmin(MusterModelAdmin):
    """Keys for machines: issued here and shown once, then only ever revoked."""

    list_display = ("name", "shown_prefix", "user", "state", "created_at", "last_used_at")
    list_select_related = ("user",)
    search_fields = ("name", "prefix", "user__username")
    ordering = ("-created_at",)
    autocomplete_fields = ("user",)
    actions = ("revoke",)

    def get_fields(self, request: HttpRequest, obj: ApiToken | None = None) -> tuple[str, ...]:
        asked = ("user", "name", "expires_at")
        return (
            (*asked, "shown_prefix", "created_at", "last_used_at", "revoked_at") if obj else asked
        )

    def get_readonly_fields(
        self, request: HttpRequest, obj: ApiToken | None = None
    ) -> tuple[str, ...]:
        return self.get_fields(request, obj) if obj else ()

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("roster.change_apitoken")

    def save_model(
        self, request: HttpRequest, obj: ApiToken, form: ModelForm, change: bool
    ) -> None:
        issued, key = ApiToken.issue(
            user=obj.user, name=obj.name, expires_at=obj.expires_at, at=timezone.now()
        )
        obj.pk = issued.pk
        messages.warning(
            request,
            format_html(
                "Copy the key of “{}” now, it is not shown again: <code>{}</code>", obj.name, key
            ),
        )

    @action(description="Revoke the selected keys", permissions=["revoke"])
    def revoke(self, request: HttpRequest, tokens: QuerySet[ApiToken]) -> None:
        for token in tokens:
            token.revoke(at=timezone.now())
        messages.success(request, f"Revoked {len(tokens)}. They stopped working at once.")

    @display(description="Key")
    def shown_prefix(self, token: ApiToken) -> str:
        return f"{token.prefix}…"

    @display(
        description="State", label={"Usable": "success", "Revoked": "danger", "Expired": "warning"}
    )
    def state(self, token: ApiToken) -> str:
        if token.revoked_at:
            return "Revoked"
        is_expired = token.expires_at and token.expires_at <= timezone.now()
        return "Expired" if is_expired else "Usable"
