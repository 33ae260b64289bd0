"""Log-ins and permission groups, in the admin's look."""

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.db.models import Model
from django.http import HttpRequest
from django.utils.module_loading import autodiscover_modules
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from roster.admin_base import MusterModelAdmin

# Django registers its own, in its own looks.
admin.site.unregister([User, Group])


@admin.register(User)
class MusterUserAdmin(UserAdmin, MusterModelAdmin):
    """A log-in. People are deactivated, never deleted: the record keeps naming them."""

    list_display = ("username", "email", "is_active", "is_staff", "is_superuser", "last_login")
    list_filter = ("is_active", "is_staff", "is_superuser", "groups")
    search_fields = ("username", "first_name", "last_name", "email")
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(Group)
class MusterGroupAdmin(GroupAdmin, MusterModelAdmin):
    """What the members of a group may do."""

    list_display = ("name",)
    search_fields = ("name",)


# What the apps to the right add to the incident page; incidents itself may not know of them.
autodiscover_modules("admin_panels")
