"""The rules that say what becomes of alerts."""

from django.contrib import admin
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.admin import TabularInline
from unfold.decorators import display

from incidents.admin.fields import LabelsField
from incidents.models import RoutingMatcher, RoutingRule
from roster.admin_base import MusterModelAdmin
from roster.templatetags.muster import chip


class RoutingRuleForm(ModelForm):
    """A rule, its labels as people write them."""

    group_by = LabelsField(
        label="One incident for each", help_text="Labels, with commas: cluster, job"
    )

    class Meta:
        model = RoutingRule
        fields = "__all__"  # noqa: DJ007 the admin's fieldsets name what is shown


class RoutingMatcherInline(TabularInline):
    model = RoutingMatcher
    extra = 0
    per_page = 20
    ordering = ("pk",)
    verbose_name_plural = "matches alerts with all of these labels"


@admin.register(RoutingRule)
class RoutingRuleAdmin(MusterModelAdmin):
    """Rules in the order in which they are tried; the first that matches decides."""

    list_display = (
        "name",
        "position",
        "is_active",
        "matchers_shown",
        "service",
        "severity",
        "fate",
    )
    list_filter = ("is_active", "is_suppressing", "integration", "service")
    list_select_related = ("service", "severity", "integration")
    search_fields = ("name", "suppress_reason")
    ordering = ("position", "pk")

    fieldsets = (
        (None, {"fields": ("name", ("position", "is_active"), "integration")}),
        ("What becomes of matching alerts", {"fields": (("service", "severity"), "group_by")}),
        ("Or silence them", {"fields": ("is_suppressing", "suppress_reason")}),
    )
    form = RoutingRuleForm
    autocomplete_fields = ("service", "integration")
    inlines = (RoutingMatcherInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[RoutingRule]:
        return super().get_queryset(request).prefetch_related("matchers")

    @display(description="Matches")
    def matchers_shown(self, rule: RoutingRule) -> str:
        return ", ".join(map(str, rule.matchers.all())) or "Every alert"

    @display(description="Fate")
    def fate(self, rule: RoutingRule) -> SafeString:
        return chip("Suppressed", "gray") if rule.is_suppressing else chip("Pages", "blue")
