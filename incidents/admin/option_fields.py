"""Form fields for the settings of an adapter, made from the type that describes them.

Nobody edits JSON: a list is one value a line, a mapping one `name = value` a line. What a field is
for is said in the `msgspec.Meta` of its annotation.
"""

import json
import types
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec
from django import forms
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

PREFIX = "option_"


class LinesField(forms.CharField):
    """A list of texts, one a line."""

    widget = UnfoldAdminTextareaWidget({"rows": 3})

    def prepare_value(self, value: Any) -> Any:  # the list, or what was typed
        return "\n".join(value) if isinstance(value, list | tuple) else value

    def to_python(self, value: Any) -> Any:  # str in, list out
        return [line.strip() for line in (value or "").splitlines() if line.strip()]


class PairsField(forms.CharField):
    """Names and values, one `name = value` a line."""

    widget = UnfoldAdminTextareaWidget({"rows": 3})

    def prepare_value(self, value: Any) -> Any:  # the mapping, or what was typed
        if isinstance(value, dict):
            return "\n".join(f"{name} = {text}" for name, text in value.items())
        return value

    def to_python(self, value: Any) -> Any:  # str in, dict out
        found: dict[str, str] = {}
        for number, line in enumerate((value or "").splitlines(), start=1):
            name, separator, text = (part.strip() for part in line.partition("="))
            if not line.strip():
                continue
            if not (name and separator and text):
                raise forms.ValidationError(f"Line {number}: write it as “name = value”.")
            found[name] = text
        return found


class JsonField(forms.JSONField):
    widget = UnfoldAdminTextareaWidget({"rows": 4, "class": "mu-mono"})


def option_fields(options: type[msgspec.Struct], stored: dict[str, Any]) -> dict[str, forms.Field]:
    """A form field for each of the settings, by name, with what is stored as its initial value."""
    hints = get_type_hints(options, include_extras=True)
    fields: dict[str, forms.Field] = {}
    for each in msgspec.structs.fields(options):
        if _has_own_page(hints[each.name]):
            continue
        field = _field(hints[each.name])
        field.required = False
        default = None if each.default is msgspec.NODEFAULT else each.default
        field.initial = stored.get(each.name, default)
        fields[PREFIX + each.name] = field
    return fields


def _has_own_page(hint: Any) -> bool:  # Any: an annotation
    """Whether the setting is edited elsewhere: its Meta says `extra={"has_own_page": True}`."""
    extras = get_args(hint) if get_origin(hint) is Annotated else ()
    return any(isinstance(extra, msgspec.Meta) and extra.extra for extra in extras)


def kept_from(options: type[msgspec.Struct], stored: dict[str, Any]) -> dict[str, Any]:
    """What is stored of the settings that have a page of their own, and stays as it is."""
    hints = get_type_hints(options, include_extras=True)
    return {
        name: value
        for name, value in stored.items()
        if name in hints and _has_own_page(hints[name])
    }


def options_from(cleaned: dict[str, Any]) -> dict[str, Any]:
    """The settings that were filled in; what is empty keeps its default."""
    given = {
        name.removeprefix(PREFIX): value
        for name, value in cleaned.items()
        if name.startswith(PREFIX)
    }
    return {name: value for name, value in given.items() if value not in (None, "", [], {})}


def _field(hint: Any) -> forms.Field:  # Any: an annotation
    meta: list[msgspec.Meta] = []
    if get_origin(hint) is Annotated:
        hint, *extras = get_args(hint)
        meta = [extra for extra in extras if isinstance(extra, msgspec.Meta)]
    said: dict[str, Any] = {}
    for each in meta:
        said |= {"label": each.title} if each.title else {}
        said |= {"help_text": each.description} if each.description else {}
    if get_origin(hint) in (Union, types.UnionType):
        hint = next((part for part in get_args(hint) if part is not type(None)), str)
    if get_origin(hint) is Literal:
        choices = [(value, str(value)) for value in get_args(hint)]
        return forms.ChoiceField(choices=choices, widget=UnfoldAdminSelectWidget(), **said)
    if hint is bool:
        return forms.BooleanField(widget=UnfoldBooleanWidget(), **said)
    if hint is int:
        return forms.IntegerField(widget=UnfoldAdminIntegerFieldWidget(), **said)
    if hint is str:
        return forms.CharField(widget=UnfoldAdminTextInputWidget(), **said)
    if get_origin(hint) is list and get_args(hint) == (str,):
        return LinesField(**said)
    if get_origin(hint) is dict and get_args(hint) == (str, str):
        return PairsField(**said)
    return JsonField(encoder=_Encoder, **said)


class _Encoder(json.JSONEncoder):
    def default(self, o: Any) -> Any:  # as json has it
        return msgspec.to_builtins(o)
