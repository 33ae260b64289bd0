"""Contact methods and notification rules, as they stand on a person's page."""

from django.contrib.admin.options import InlineModelAdmin
from django.db.models import ForeignKey, Model, QuerySet
from django.forms import ModelChoiceField
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import StackedInline, TabularInline
from unfold.decorators import display

from roster.models import ContactMethod, NotificationRule, Person
from roster.templatetags.muster import chip


def is_own(request: HttpRequest, person: Model | None) -> bool:
    return (
        isinstance(person, Person)
        and person.user_id is not None
        and person.user_id == request.user.pk
    )


class OwnOrPermitted(InlineModelAdmin):
    """Rows about how to reach someone: that person's own business, or a permission."""

    extra = 0
    show_title = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Model]:
        """Django asks without naming the person, and would leave out one's own rows too."""
        rows: QuerySet[Model] = self.model._default_manager.order_by("pk")
        if super().has_view_permission(request) or super().has_change_permission(request):
            return rows
        return rows.filter(person__user=request.user.pk)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return is_own(request, obj) or super().has_view_permission(request, obj)

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return is_own(request, obj) or super().has_add_permission(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return is_own(request, obj) or super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return is_own(request, obj) or super().has_delete_permission(request, obj)


class ContactMethodInline(OwnOrPermitted, StackedInline):
    """Nobody ticks “verified”: a code sent to the address proves it."""

    model = ContactMethod
    fields = (("channel", "address"), ("label", "proof"))
    readonly_fields = ("proof",)

    @display(description="Verified")
    def proof(self, method: ContactMethod) -> SafeString:
        """Since when, or the way there."""
        if not method.pk:
            return format_html("{}", "Save it, then have a code sent.")
        if method.verified_at:
            since = f"since {timezone.localtime(method.verified_at):%-d %b %Y}"
            return format_html("{} {}", chip("Verified", "green"), since)
        url = reverse("admin:roster_contactmethod_verify", args=[method.person_id, method.pk])
        return format_html(
            '{} <a class="mu-button mu-small" data-dialog href="{}">Verify…</a>',
            chip("Not verified", "amber"),
            url,
        )


class NotificationRuleInline(OwnOrPermitted, TabularInline):
    model = NotificationRule
    fields = ("urgency", "delay_minutes", "contact_method")
    verbose_name_plural = "notification rules (save new contact methods first)"

    def formfield_for_foreignkey(
        self, db_field: ForeignKey, request: HttpRequest, **kwargs: object
    ) -> ModelChoiceField | None:
        """Offer the methods of the person on the page only."""
        match = request.resolver_match
        person = match.kwargs.get("object_id", 0) if match else 0
        kwargs["queryset"] = ContactMethod.objects.filter(person_id=person)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)
