from django.contrib import admin

from roster.admin_base import ReadOnlyModelAdmin
from roster.models import Swap


@admin.register(Swap)
class SwapAdmin(ReadOnlyModelAdmin):
    """Swaps: looked at here, and answered with buttons."""
