"""Page tests: planned here, looked at here, and called off until they are sent."""

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSplitDateTimeWidget, UnfoldAdminTextInputWidget

from roster import page_tests
from roster.admin_base import ReadOnlyModelAdmin, actor_of, refusals_as_messages
from roster.models import PageTest
from roster.models.schedules import ENTRY_GRACE
from roster.page_test_results import Outcome, results_of
from roster.page_tests import Targets

RESULTS = "admin/roster/page_test/results.html"


class PageTestForm(forms.ModelForm):
    """Whom to page may be left out on each field, but not on all."""

    name = forms.CharField(
        max_length=200,
        widget=UnfoldAdminTextInputWidget,
        help_text="What the page says it is about, such as “Checkout does not answer”.",
    )
    starts_at = forms.SplitDateTimeField(
        label="Send at",
        widget=UnfoldAdminSplitDateTimeWidget,
        help_text="May lie ahead: nobody is told before.",
    )

    class Meta:
        model = PageTest
        labels = {
            "schedules": "Who is on call for",
            "teams": "Everybody of",
            "people": "These people",
        }
        fields = (
            "name",
            "is_unannounced",
            "schedules",
            "teams",
            "people",
            "starts_at",
            "answer_within_minutes",
        )

    def clean(self) -> dict[str, object]:
        cleaned = super().clean() or self.cleaned_data
        if not any(cleaned.get(name) for name in ("schedules", "teams", "people")):
            self.add_error("schedules", "Choose whom to page: schedules, teams or people.")
        starts_at = cleaned.get("starts_at")
        if starts_at and starts_at < timezone.now() - ENTRY_GRACE:
            self.add_error("starts_at", "This has passed. Choose a time to come.")
        return cleaned


@admin.register(PageTest)
class PageTestAdmin(ReadOnlyModelAdmin):
    """A planned test can be called off and not be edited: plan another one."""

    list_display = ("reference", "name", "shown_state", "starts_at", "called", "answered")
    list_filter = ("is_unannounced",)
    search_fields = ("name",)
    ordering = ("-starts_at", "-pk")
    autocomplete_fields = ("schedules", "teams", "people")
    change_form_outer_before_template = RESULTS

    def get_queryset(self, request: HttpRequest) -> QuerySet[PageTest]:
        answered = Count("calls", filter=Q(calls__acknowledged_at__isnull=False))
        rows: QuerySet[PageTest] = super().get_queryset(request)
        return rows.annotate(call_count=Count("calls"), answer_count=answered)

    def get_fields(self, request: HttpRequest, obj: PageTest | None = None) -> tuple[object, ...]:
        targets = ("schedules", "teams", "people")
        if obj is None:
            return (
                "name",
                *targets,
                ("starts_at", "answer_within_minutes"),
                "is_unannounced",
            )
        return (
            ("name", "is_unannounced"),
            *(name for name in targets if getattr(obj, name).exists()),
            ("starts_at", "answer_within_minutes"),
            "created_by",
        )

    def get_form(
        self, request: HttpRequest, obj: Model | None = None, **kwargs: object
    ) -> type[forms.ModelForm]:
        if obj is None:
            kwargs["form"] = PageTestForm
        form: type[forms.ModelForm] = super().get_form(request, obj, **kwargs)
        return form

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, object]:
        now = timezone.localtime().replace(second=0, microsecond=0)
        return {"starts_at": now, **super().get_changeform_initial_data(request)}

    def get_urls(self) -> list[URLPattern]:
        cancel = path(
            "<int:pk>/cancel/",
            self.admin_site.admin_view(self.cancel),
            name="roster_pagetest_cancel",
        )
        return [cancel, *super().get_urls()]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("roster.add_pagetest")

    def save_model(
        self, request: HttpRequest, obj: PageTest, form: forms.ModelForm, change: bool
    ) -> None:
        chosen = form.cleaned_data
        targets = Targets(chosen["schedules"], chosen["teams"], chosen["people"])
        page_tests.plan(obj, targets, by=request.user, at=timezone.now())

    def save_related(
        self, request: HttpRequest, form: forms.ModelForm, formsets: object, change: bool
    ) -> None:
        """Saved with the test itself."""

    def response_add(
        self, request: HttpRequest, obj: PageTest, post_url_continue: str | None = None
    ) -> HttpResponse:
        when = timezone.localtime(obj.starts_at)
        messages.success(request, f"{obj} is planned for {when:%-d %b %Y, %H:%M %Z}.")
        return redirect("admin:roster_pagetest_change", obj.pk)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, object] | None = None,
    ) -> HttpResponse:
        test = self.get_object(request, object_id)
        context = dict(extra_context or {})
        if test:
            now = timezone.now()
            waits = test.state == "Planned" or bool(test.answer_by and now < test.answer_by)
            results = results_of(test, at=now)
            context |= {
                "results": results,
                "in_time": results.counts[Outcome.IN_TIME],
                "is_live": waits,
                "may_cancel": test.state == "Planned" and self._may_cancel(request),
            }
        return super().change_view(request, object_id, form_url, context)

    def cancel(self, request: HttpRequest, pk: int) -> HttpResponse:
        if request.method != "POST" or not self._may_cancel(request):
            raise PermissionDenied
        test = get_object_or_404(PageTest, pk=pk)
        with refusals_as_messages(request):
            page_tests.cancel(test, by=actor_of(request), at=timezone.now())
            messages.success(request, f"{test} is called off. Nobody was paged.")
        return redirect(reverse("admin:roster_pagetest_change", args=[pk]))

    def _may_cancel(self, request: HttpRequest) -> bool:
        return request.user.has_perm("roster.change_pagetest")

    @display(description="Test", ordering="number")
    def reference(self, test: PageTest) -> str:
        return test.reference

    @display(
        description="State", label={"Planned": "info", "Sent": "success", "Cancelled": "warning"}
    )
    def shown_state(self, test: PageTest) -> str:
        return test.state

    @display(description="Paged", ordering="call_count")
    def called(self, test: PageTest) -> int:
        count: int = test.call_count  # type: ignore[attr-defined]  # annotated above
        return count

    @display(description="Answered", ordering="answer_count")
    def answered(self, test: PageTest) -> int:
        count: int = test.answer_count  # type: ignore[attr-defined]  # annotated above
        return count
