from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from unfold.admin import TabularInline
from unfold.decorators import action

from roster.admin.history import HistoryAdmin
from roster.models import RatePlan, RateRule
from roster.pay.views import load_page


class RateRuleInline(TabularInline):
    """Rates add up: an hour of a holiday's night earns every rate that it falls under."""

    model = RateRule
    fields = ("kind", "amount", "schedule", "valid_from", "valid_until")
    autocomplete_fields = ("schedule",)
    ordering = ("kind", "valid_from", "pk")
    extra = 0
    show_title = False
    verbose_name_plural = "rates, which add up"


@admin.register(RatePlan)
class RatePlanAdmin(HistoryAdmin):
    """Whose hours are paid how. The page that counts them is here too, for everybody."""

    list_display = ("name", "country", "currency", "night", "work")
    search_fields = ("name", "country")
    ordering = ("name",)
    fieldsets = (
        (None, {"fields": (("name", "currency"), ("country", "people"))}),
        (
            "The person's clock",
            {"fields": (("night_from", "night_until"), ("work_from", "work_until"))},
        ),
    )
    autocomplete_fields = ("people",)
    inlines = (RateRuleInline,)
    actions_list = ("show_load",)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [path("load/", view(load_page), name="roster_load"), *super().get_urls()]

    @action(description="Pay and load", icon="payments", permissions=["view"])
    def show_load(self, request: HttpRequest) -> HttpResponse:
        return redirect("admin:roster_load")

    @admin.display(description="night")
    def night(self, plan: RatePlan) -> str:
        return f"{plan.night_from:%H:%M} to {plan.night_until:%H:%M}"

    @admin.display(description="working hours")
    def work(self, plan: RatePlan) -> str:
        return f"{plan.work_from:%H:%M} to {plan.work_until:%H:%M}"
