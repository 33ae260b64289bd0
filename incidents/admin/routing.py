"""The rules that say what becomes of alerts."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Max, QuerySet
from django.forms import ModelForm
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.admin import TabularInline
from unfold.decorators import action, display

from incidents.admin.rule_forms import MatcherForm, RoutingRuleForm, names_seen
from incidents.admin.rule_pages import (
    explain_page,
    may_explain,
    may_try,
    refused_page,
    trial_page,
)
from incidents.models import RoutingMatcher, RoutingRule
from incidents.routing import is_over
from roster.admin_base import MusterModelAdmin
from roster.templatetags.muster import chip

POSITIONS_APART = 10


class RoutingMatcherInline(TabularInline):
    model = RoutingMatcher
    form = MatcherForm
    extra = 0
    per_page = 20
    ordering = ("pk",)
    verbose_name = "condition"
    verbose_name_plural = "matches alerts for which all of this holds (nothing: every alert)"

    def get_extra(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> int:
        return 0 if obj else 1


@admin.register(RoutingRule)
class RoutingRuleAdmin(MusterModelAdmin):
    """Rules in the order in which they are tried; the first that matches decides."""

    list_display = (
        "name",
        "position",
        "state",
        "matchers_shown",
        "integration",
        "service",
        "severity",
        "fate",
    )
    list_filter = ("is_active", "is_suppressing", "integration", "service")
    list_select_related = ("service", "severity", "integration", "attach_to", "policy")
    search_fields = ("name", "suppress_reason")
    ordering = ("position", "pk")
    ordering_field = "position"

    fieldsets = (
        (
            None,
            {
                "fields": ("name", ("position", "is_active"), "integration"),
                "description": "Rules are tried from the top; the first that matches decides."
                " What it leaves open comes from the alert itself and its integration.",
            },
        ),
        (
            "Where they go, and how loud",
            {"fields": (("service", "severity"), ("urgency", "policy"), "may_affect_customers")},
        ),
        (
            "Which incident",
            {"fields": ("group_by", ("group_minutes", "attach_to"), "declares")},
        ),
        ("Wait whether they pass", {"fields": ("hold_minutes",)}),
        (
            "Or silence them",
            {"fields": ("is_suppressing", "suppress_reason", "suppress_until")},
        ),
    )
    form = RoutingRuleForm
    autocomplete_fields = ("service", "integration", "policy")
    inlines = (RoutingMatcherInline,)
    actions_list = ("show_explainer",)
    actions_detail = ("show_trial",)
    change_form_template = "admin/incidents/rule/form.html"
    change_form_after_template = "admin/incidents/rule/try.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[RoutingRule]:
        return super().get_queryset(request).prefetch_related("matchers")

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [
            path("explain/", wrap(self.explain), name="incidents_explain"),
            path("try/", wrap(self.try_typed), name="incidents_routingrule_try_new"),
            path("<int:pk>/try/", wrap(self.try_typed), name="incidents_routingrule_try"),
            path("<int:pk>/on/", wrap(self.switch_on), name="incidents_routingrule_on"),
            *super().get_urls(),
        ]

    # --- Form -------------------------------------------------------------------------------------

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> type[ModelForm]:
        form = super().get_form(request, obj, change=change, **kwargs)
        if issubclass(form, RoutingRuleForm):
            form.user = request.user
        return form

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Behind all others, so that a new rule takes nothing from them by accident."""
        last = RoutingRule.objects.aggregate(last=Max("position"))["last"] or 0
        first = {"position": last + POSITIONS_APART}
        return first | super().get_changeform_initial_data(request)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        more = {
            "names_seen": names_seen(),
            "may_try": may_try(request),
            "try_url": reverse("admin:incidents_routingrule_try", args=[object_id])
            if object_id and object_id.isdecimal()
            else reverse("admin:incidents_routingrule_try_new"),
        }
        return super().changeform_view(request, object_id, form_url, (extra_context or {}) | more)

    def response_post_save_add(self, request: HttpRequest, obj: RoutingRule) -> HttpResponse:
        return self._after_saving(request, obj) or super().response_post_save_add(request, obj)

    def response_post_save_change(self, request: HttpRequest, obj: RoutingRule) -> HttpResponse:
        return self._after_saving(request, obj) or super().response_post_save_change(request, obj)

    def _after_saving(self, request: HttpRequest, rule: RoutingRule) -> HttpResponse | None:
        """Show what an inactive rule would change, and warn of one that takes everything."""
        if rule.is_active and not rule.matchers.exists():
            messages.warning(
                request,
                f"{rule} has no conditions, so it matches every alert"
                f"{f' of {rule.integration}' if rule.integration else ''},"
                " and no rule after it is tried.",
            )
        if not rule.is_active and may_try(request):
            return redirect("admin:incidents_routingrule_try", rule.pk)
        return None

    # --- Pages ------------------------------------------------------------------------------------

    def explain(self, request: HttpRequest) -> HttpResponse:
        return explain_page(self, request)

    def try_typed(self, request: HttpRequest, pk: int | None = None) -> HttpResponse:
        """Try a saved rule, or on POST what is typed in its form. Nothing is saved."""
        allowed = self.has_view_permission(request) and may_try(request)
        if request.method == "POST":
            may_save = self.has_change_permission if pk else self.has_add_permission
            allowed = allowed and may_save(request)
        if not allowed:
            raise PermissionDenied
        rule = self.get_object(request, str(pk)) if pk else None
        if pk and rule is None:
            raise Http404("There is no such rule.")
        if request.method == "POST":
            return self._try_form(request, rule)
        if rule is None:
            return redirect("admin:incidents_routingrule_add")
        return trial_page(self, request, rule, list(rule.matchers.all()), is_saved=True)

    def _try_form(self, request: HttpRequest, rule: RoutingRule | None) -> HttpResponse:
        form_class = self.get_form(request, rule, change=bool(rule))
        form = form_class(request.POST, instance=rule or RoutingRule())
        is_valid = form.is_valid()
        formsets, _ = self._create_formsets(request, form.instance, change=bool(rule))
        conditions = formsets[0]
        if not (is_valid and conditions.is_valid()):
            return refused_page(self, request, _faults(form, conditions))
        typed = [
            each.instance
            for each in conditions.forms
            if each.cleaned_data and not each.cleaned_data.get("DELETE")
        ]
        return trial_page(self, request, form.instance, typed, is_saved=False)

    def switch_on(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The button of the trial: from now on the rule is tried on what comes in."""
        if not self.has_change_permission(request):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        rule = self.get_object(request, str(pk))
        if rule is None:
            raise Http404("There is no such rule.")
        rule.is_active = True
        rule.save(update_fields=["is_active"])
        self.log_change(request, rule, "Switched on.")
        messages.success(request, f"{rule} is on. It holds for what comes in from now on.")
        return redirect("admin:incidents_routingrule_changelist")

    def has_explain_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return may_explain(request)

    def has_try_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return self.has_view_permission(request) and may_try(request)

    @action(description="What becomes of a message", icon="troubleshoot", permissions=["explain"])
    def show_explainer(self, request: HttpRequest) -> HttpResponse:
        return redirect("admin:incidents_explain")

    @action(description="Try on the last 7 days", icon="science", permissions=["try"])
    def show_trial(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return redirect("admin:incidents_routingrule_try", object_id)

    # --- List -------------------------------------------------------------------------------------

    @display(description="State", ordering="is_active")
    def state(self, rule: RoutingRule) -> SafeString:
        if not rule.is_active:
            return chip("Off", "gray")
        if is_over(rule, timezone.now()):
            return chip("Passed over: its time is up", "amber")
        return chip("On", "green")

    @display(description="Matches")
    def matchers_shown(self, rule: RoutingRule) -> str:
        return ", ".join(map(str, rule.matchers.all())) or "Every alert"

    @display(description="What becomes of them")
    def fate(self, rule: RoutingRule) -> SafeString:
        if rule.is_suppressing:
            return chip("Suppressed", "purple")
        if rule.hold_minutes:
            return chip(f"Held {rule.hold_minutes} min", "amber")
        if rule.attach_to:
            return chip("Join an incident", "orange")
        return chip("Declared", "red") if rule.declares else chip("Page", "blue")


def _faults(form: ModelForm, conditions: Any) -> list[tuple[str, str]]:
    """Every error of the form, by the label of its field; of no field for those of the whole."""
    found = [
        (str(form.fields[name].label or name) if name in form.fields else "", str(error))
        for name, errors in form.errors.items()
        for error in errors
    ]
    for number, errors in enumerate(conditions.errors, start=1):
        found += [
            (f"Condition {number}, {name}", str(error))
            for name, each in errors.items()
            for error in each
        ]
    return found
