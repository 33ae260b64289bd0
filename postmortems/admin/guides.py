from django.contrib import admin

from postmortems.models import SectionGuide
from roster.admin_base import MusterModelAdmin


@admin.register(SectionGuide)
class SectionGuideAdmin(MusterModelAdmin):
    list_display = ("title", "position", "from_severity", "facts", "is_required")
    list_select_related = ("from_severity",)
    ordering = ("position",)
    fields = (
        ("title", "slug"),
        "guidance",
        ("position", "from_severity"),
        ("facts", "is_required"),
    )
    prepopulated_fields = {"slug": ("title",)}
