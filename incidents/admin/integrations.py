"""Ways in for monitors: making them, their keys, how to connect, and what comes in."""

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.forms import ModelForm
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldBooleanWidget

from incidents import intake_rates
from incidents.admin.mapping import has_mapping, mapping_urls
from incidents.admin.option_fields import PairsField, kept_from, option_fields, options_from
from incidents.connecting import connection_of, send_test_alert
from incidents.models import AlertEvent, Integration, IntegrationKey, Severity
from incidents.models.integrations import KEY_OVERLAP
from incidents.policy_preview import who_would_be_called
from roster.admin_base import MusterModelAdmin, actor_of, refusals_as_messages
from roster.templatetags.muster import chip, moment

EVENTS_SHOWN = 8


class IntegrationForm(ModelForm):
    """What every integration has, and the settings of its adapter, each as a field of its own."""

    severity_words = PairsField(
        label="What its words for severities mean",
        required=False,
        help_text="One a line: the monitor's word, and one of our severities: warning = sev3",
    )
    secret = forms.CharField(
        required=False,
        strip=False,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
    )
    forget_secret = forms.BooleanField(
        label="Stop asking for signatures", required=False, widget=UnfoldBooleanWidget()
    )

    class Meta:
        model = Integration
        fields = "__all__"  # noqa: DJ007 the admin's fieldsets name what is shown

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # as ModelForm
        super().__init__(*args, **kwargs)
        if self.instance.pk is None:
            return
        adapter = self.instance.adapter
        self.fields |= option_fields(adapter.options, self.instance.options)
        if "secret" in self.fields:
            self.fields["secret"].label = adapter.secret
            self.fields["secret"].help_text = (
                "One is set and never shown. Fill in to replace it."
                if self.instance.sealed_secret
                else "Empty: signatures are not asked for."
            )

    def clean_severity_words(self) -> dict[str, str]:
        words: dict[str, str] = self.cleaned_data["severity_words"]
        slugs = {slug.lower() for slug in Severity.objects.values_list("slug", flat=True)}
        wrong = sorted({slug for slug in words.values() if slug.lower() not in slugs})
        if wrong:
            known = ", ".join(sorted(slugs))
            raise forms.ValidationError(f"There is no severity {wrong[0]}. There are: {known}.")
        return {word.lower(): slug.lower() for word, slug in words.items()}

    def _post_clean(self) -> None:
        """The model checks the settings as a whole; what it says belongs beside them."""
        if self.instance.pk:
            kept = kept_from(self.instance.adapter.options, self.instance.options)
            self.instance.options = kept | options_from(self.cleaned_data)
        super()._post_clean()  # type: ignore[misc]  # Django's own hook, which the stubs leave out
        if "options" in self.errors:
            first = next((name for name in self.fields if name.startswith("option_")), None)
            self.add_error(first, self.errors.pop("options"))


@admin.register(Integration)
class IntegrationAdmin(MusterModelAdmin):
    """Ways in for monitors. The key is shown once, on the page that answers issuing it."""

    list_display = ("name", "kind", "service", "severity", "state", "last_heard", "day")
    list_filter = ("kind", "service")
    list_select_related = ("service", "severity")
    search_fields = ("name", "slug", "keys__prefix")
    ordering = ("name",)

    form = IntegrationForm
    prepopulated_fields = {"slug": ("name",)}
    autocomplete_fields = ("service",)
    actions_detail = ("test", "rotate_key", "revoke")
    change_form_outer_before_template = "admin/incidents/integration/overview.html"

    # --- Form -------------------------------------------------------------------------------------

    def get_fieldsets(self, request: HttpRequest, obj: Integration | None = None) -> Any:
        named = (("name", "slug"), "kind") if obj is None else (("name", "slug"),)
        main = (None, {"fields": named})
        where = {"fields": ("service", "severity")}
        belongs = ("Where its alerts belong, unless a rule says otherwise", where)
        if obj is None:
            return (main, belongs)
        options = tuple(option_fields(obj.adapter.options, obj.options))
        secret = ("secret", *(("forget_secret",) if obj.sealed_secret else ()))
        own = (*options, *(secret if obj.adapter.secret else ()))
        usual = ("resolve_after_minutes", "flaps_after", "silent_after_minutes")
        return (
            main,
            belongs,
            *(((f"Settings of {obj.adapter.label}", {"fields": own}),) if own else ()),
            ("What is usual for it", {"fields": ("severity_words", *usual)}),
        )

    def get_form(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        """The settings are fields that no class declares: the form makes them itself."""
        kwargs["fields"] = (
            ["name", "slug", "kind", "service", "severity"]
            if obj is None
            else [
                "name",
                "slug",
                "service",
                "severity",
                "severity_words",
                "resolve_after_minutes",
                "flaps_after",
                "silent_after_minutes",
            ]
        )
        return super().get_form(request, obj, **kwargs)

    def has_delete_permission(self, request: HttpRequest, obj: Integration | None = None) -> bool:
        return False

    def save_model(
        self, request: HttpRequest, obj: Integration, form: ModelForm, change: bool
    ) -> None:
        if change:
            super().save_model(request, obj, form, change)
            self._save_secret(obj, form.cleaned_data)
            return
        given = {
            name: getattr(obj, name) for name in ("slug", "name", "service", "kind", "severity")
        }
        issued, key = Integration.issue(**given, by=actor_of(request), at=timezone.now())
        obj.pk = issued.pk
        vars(obj)["issued_key"] = key  # for the answer to this very request

    def _save_secret(self, integration: Integration, given: dict[str, Any]) -> None:
        if given.get("secret") or given.get("forget_secret"):
            integration.change_secret(given.get("secret") or "")

    def response_add(
        self, request: HttpRequest, obj: Integration, post_url_continue: str | None = None
    ) -> HttpResponse:
        return self._key_page(request, obj, vars(obj)["issued_key"])

    # --- What comes in, and how to connect --------------------------------------------------------

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Integration | None = None,
    ) -> HttpResponse:
        if obj is not None:
            context |= self._overview(request, obj, timezone.now())
        response: HttpResponse = super().render_change_form(
            request, context, add=add, change=change, form_url=form_url, obj=obj
        )
        return response

    def _overview(
        self, request: HttpRequest, integration: Integration, at: datetime
    ) -> dict[str, Any]:
        """What the panel above the form shows; its number of queries does not grow."""
        newest = AlertEvent.objects.filter(integration=integration).defer("body")
        sees_events = request.user.has_perm("incidents.view_alertevent")
        return {
            "day": intake_rates.last_day(integration, at=at),
            "silent_since": intake_rates.silent_since([integration], at=at).get(integration.pk),
            "events": (
                list(newest.order_by("-received_at", "-pk")[:EVENTS_SHOWN]) if sees_events else None
            ),
            "keys": [
                (key, key.ends_at is not None and key.ends_at <= at)
                for key in sorted(integration.keys.all(), key=lambda key: -key.pk)[:4]
            ],
            "connection": connection_of(integration.adapter, at=at),
            "may_change": self.has_change_permission(request, integration),
            "has_mapping": has_mapping(integration),
        }

    def get_urls(self) -> list[URLPattern]:
        end = self.admin_site.admin_view(self.end_key)
        own = path("<int:pk>/keys/<int:key_pk>/end/", end, name="incidents_integration_end_key")
        return [own, *mapping_urls(self), *super().get_urls()]

    # --- Actions ----------------------------------------------------------------------------------

    @action(
        description="Send a test alert", url_path="test", icon="science", permissions=["change"]
    )
    def test(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, saying who will be woken; then send the adapter's sample the whole way."""
        integration = self._found(request, object_id)
        at = timezone.now()
        if request.method == "POST":
            with refusals_as_messages(request):
                event = send_test_alert(integration, by=actor_of(request), at=at)
                link = reverse("admin:incidents_alertevent_change", args=[event.pk])
                sentence = 'The test alert is sent. <a class="mu-link" href="{}">See it</a>'
                messages.success(request, format_html(sentence, link))
            return HttpResponseRedirect("../change/")
        first = who_would_be_called(integration.service.effective_policy(), at=at)[0]
        context = {
            "title": f"Send a test alert: {integration}",
            "people": [each.person for each in first.people],
        }
        return self._page(request, "test", integration, context)

    @action(description="New key", url_path="rotate-key", icon="key", permissions=["change"])
    def rotate_key(self, request: HttpRequest, object_id: str) -> HttpResponse:
        integration = self._found(request, object_id)
        if request.method == "POST":
            overlap = timedelta() if "at_once" in request.POST else KEY_OVERLAP
            by, at = actor_of(request), timezone.now()
            key = ""
            with refusals_as_messages(request):
                key = integration.rotate_key(by=by, at=at, overlap=overlap)
            if key:
                return self._key_page(request, integration, key)
            return HttpResponseRedirect("../change/")
        return self._page(request, "rotate", integration, {"title": f"New key: {integration}"})

    def end_key(self, request: HttpRequest, pk: int, key_pk: int) -> HttpResponse:
        """Stop one key from working now: the monitor uses the other one by then, or it leaked."""
        integration = self._found(request, str(pk))
        key = get_object_or_404(IntegrationKey, pk=key_pk, integration=integration)
        change_page = redirect("admin:incidents_integration_change", integration.pk)
        if request.method == "POST":
            key.end(at=timezone.now())
            messages.success(request, f"The key {key} has ended; alerts sent with it are refused.")
            return change_page
        warning = (
            f"Alerts sent with the key {key} are refused from now on. Make sure that the monitor "
            "uses another one."
        )
        return self._ask(request, integration, "End a key", warning, "End it now", change_page.url)

    @action(description="Revoke", url_path="revoke", icon="block", permissions=["change"])
    def revoke(self, request: HttpRequest, object_id: str) -> HttpResponse:
        integration = self._found(request, object_id)
        if request.method == "POST":
            with refusals_as_messages(request):
                integration.revoke(at=timezone.now())
                messages.success(request, f"{integration} is revoked; nothing more comes in by it.")
            return HttpResponseRedirect("../change/")
        warning = "Alerts sent with its keys are refused from now on. This cannot be undone."
        return self._ask(request, integration, "Revoke", warning, "Revoke it", "../change/")

    def _found(self, request: HttpRequest, object_id: str) -> Integration:
        if not self.has_change_permission(request):
            raise PermissionDenied
        integration = self.get_object(request, object_id)
        if integration is None:
            raise Http404("There is no such integration.")
        return integration

    def _ask(
        self,
        request: HttpRequest,
        integration: Integration,
        title: str,
        warning: str,
        button: str,
        back: str,
    ) -> HttpResponse:
        context = {
            "title": f"{title}: {integration}",
            "warning": warning,
            "button": button,
            "back": back,
        }
        return self._page(request, "confirm", integration, context)

    def _key_page(self, request: HttpRequest, integration: Integration, key: str) -> HttpResponse:
        context = {
            "title": f"Connect {integration}",
            "key": key,
            "connection": connection_of(integration.adapter, key=key, at=timezone.now()),
        }
        response = self._page(request, "key", integration, context)
        response["Cache-Control"] = "no-store"
        return response

    def _page(
        self, request: HttpRequest, name: str, integration: Integration, context: dict[str, Any]
    ) -> HttpResponse:
        base = self.admin_site.each_context(request)
        shown = {**base, "opts": self.model._meta, "original": integration, **context}
        return TemplateResponse(request, f"admin/incidents/integration/{name}.html", shown)

    # --- List -------------------------------------------------------------------------------------

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        response: HttpResponse = super().changelist_view(request, extra_context)
        shown = getattr(response, "context_data", {}).get("cl")
        if shown is not None:
            rows, at = list(shown.result_list), timezone.now()
            silent = intake_rates.silent_since(rows, at=at)
            totals = intake_rates.totals(rows, since=at - timedelta(hours=23))
            for row in rows:
                vars(row).update(silent=row.pk in silent, day_total=totals.get(row.pk, 0))
            shown.result_list = rows
        return response

    @display(description="State")
    def state(self, integration: Integration) -> SafeString:
        if integration.revoked_at:
            return chip("Revoked", "gray")
        if vars(integration).get("silent"):
            return chip("Silent", "red")
        return chip("Active", "green") if integration.last_event_at else chip("New", "blue")

    @display(description="Last heard", ordering="last_event_at")
    def last_heard(self, integration: Integration) -> str:
        return moment(integration.last_event_at) if integration.last_event_at else "Nothing yet"

    @display(description="Events in 24 hours")
    def day(self, integration: Integration) -> str:
        return f"{vars(integration).get('day_total', 0):,}"
