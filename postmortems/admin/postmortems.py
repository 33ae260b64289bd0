from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.forms import BaseInlineFormSet, ModelForm
from django.http import HttpRequest
from django.utils import timezone
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.decorators import display

from postmortems.action_items import NewActionItem, add_action_item
from postmortems.admin.action_items import DUE_COLORS, OverdueFilter, due_label
from postmortems.admin.buttons import PostmortemButtons
from postmortems.admin.inlines import ActionItemInline, InvitationInline, SectionInline
from postmortems.models import ActionItem, Invitation, Postmortem
from postmortems.models.invitations import Expectation
from postmortems.models.postmortems import WRITABLE_STATES
from postmortems.permissions import may_write
from roster.admin_base import MusterModelAdmin, actor_of


@admin.register(Postmortem)
class PostmortemAdmin(PostmortemButtons, MusterModelAdmin):
    list_display = ("reference", "incident", "severity", "state_label", "due", "owner", "review_at")
    list_filter = (
        OverdueFilter,
        "state",
        "incident__severity",
        ("owner", AutocompleteSelectFilter),
    )
    list_select_related = ("incident__severity", "owner")
    search_fields = ("=number", "incident__title", "=incident__number", "sections__body")
    ordering = ("-number",)
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("incident", "state"),
                    ("owner", "due_on"),
                    ("review_at", "review_minutes", "review_place"),
                    "still_missing",
                )
            },
        ),
        (
            "Record",
            {
                "classes": ("collapse",),
                "fields": (
                    "no_actions_reason",
                    ("opened_at", "approved_at", "approved_by_name", "published_at"),
                ),
            },
        ),
    )
    readonly_fields = (
        "incident",
        "state",
        "owner",
        "review_at",
        "still_missing",
        "opened_at",
        "approved_at",
        "approved_by_name",
        "published_at",
    )
    inlines = (SectionInline, ActionItemInline, InvitationInline)
    actions_detail = (
        "send_to_review",
        "approve",
        "publish",
        "move_review",
        {"title": "More", "items": ["return_to_draft", "invite", "excuse", "hand_over"]},
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Postmortem]:
        shown = super().get_queryset(request).visible_to(request.user)
        return shown.select_related("incident__severity", "owner")

    # --- Saving: what has a domain change goes through it ---------------------------------------

    def save_formset(
        self,
        request: HttpRequest,
        form: "ModelForm[Postmortem]",
        formset: "BaseInlineFormSet[Any, Any, Any]",
        change: bool,
    ) -> None:
        if formset.model is ActionItem:
            self._save_action_items(request, form.instance, formset)
        elif formset.model is Invitation:
            self._save_invitations(request, formset)
        else:
            formset.save()

    def _save_action_items(
        self,
        request: HttpRequest,
        postmortem: Postmortem,
        formset: "BaseInlineFormSet[Any, Any, Any]",
    ) -> None:
        by, at = actor_of(request), timezone.now()
        for added in formset.extra_forms:
            if added.has_changed():
                columns = ("title", "kind", "priority", "owner", "due_on")
                item = NewActionItem(**{name: added.cleaned_data[name] for name in columns})
                added.instance = add_action_item(postmortem.incident, item, by=by, at=at)
        for edited in formset.initial_forms:
            if edited.has_changed():
                edited.instance.save(update_fields=edited.changed_data)
        formset.new_objects, formset.changed_objects, formset.deleted_objects = ([], [], [])

    def _save_invitations(
        self, request: HttpRequest, formset: "BaseInlineFormSet[Any, Any, Any]"
    ) -> None:
        by, at = actor_of(request), timezone.now()
        for edited in formset.initial_forms:
            if "attended" in edited.changed_data:
                edited.instance.save(update_fields=["attended"])
            if "expectation" in edited.changed_data:
                wanted = Expectation(edited.cleaned_data["expectation"])
                Invitation.objects.get(pk=edited.instance.pk).expect(wanted, by=by, at=at)
        formset.new_objects, formset.changed_objects, formset.deleted_objects = ([], [], [])

    # --- Who may do what ------------------------------------------------------------------------

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # opened by the severity's demand, or on the incident's page

    def has_delete_permission(self, request: HttpRequest, obj: Postmortem | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Postmortem | None = None) -> bool:
        if obj is None:
            return request.user.has_perm("postmortems.change_postmortem")
        return obj.state in WRITABLE_STATES and may_write(request.user, obj)

    # --- Columns --------------------------------------------------------------------------------

    @display(description="Reference", ordering="number")
    def reference(self, postmortem: Postmortem) -> str:
        return postmortem.reference

    @display(description="Severity", ordering="incident__severity__rank")
    def severity(self, postmortem: Postmortem) -> str:
        return postmortem.incident.severity.name

    @display(
        description="State",
        ordering="state",
        label={"draft": "warning", "in_review": "info", "approved": "info", "published": "success"},
    )
    def state_label(self, postmortem: Postmortem) -> tuple[str, str]:
        return postmortem.state, postmortem.get_state_display()

    @display(description="Due", ordering="due_on", label=DUE_COLORS)
    def due(self, postmortem: Postmortem) -> tuple[str, str] | str:
        return due_label(postmortem)

    @display(description="Still missing")
    def still_missing(self, postmortem: Postmortem) -> str:
        if postmortem.is_finished:
            return "Nothing."
        return " ".join(postmortem.missing_for_approval()) or "Nothing: it can be approved."
