"""The form of the mapping page: for each field of an alert, a field of the message."""

import json
from typing import Any

import msgspec
from django import forms
from django.http import QueryDict
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from incidents.document_paths import MISSING, Leaf, PathError, find, leaves, lists, parse, write
from incidents.field_mapping import (
    ACKNOWLEDGED,
    PICKS,
    RESOLVED,
    WHOLE,
    FieldMapping,
    Pick,
    faults,
    guesses,
)
from incidents.intake import Envelope, IntakeError
from incidents.intake.bodies import anything
from incidents.intake.generic import WHAT
from incidents.models import Integration

LABELS = {
    "title": ("Title", "What people read first."),
    "key": ("Key", "The same when it begins and when it ends: by it, repeats are counted."),
    "key_too": ("Key, second part", "Where one field alone is not enough, such as rule and host."),
    "state": ("State", "Says whether it begins or ends. Without one, an end time ends it."),
    "severity": ("Severity", "Its word; what words mean is set on the integration."),
    "service": ("Service", "A label, for routing rules to match."),
    "description": ("Description", ""),
    "time": ("Time", "When it began."),
    "link": ("Link", "An address to look at."),
}
VALUE_SHOWN = 60
FIELDS_SHOWN = 150


class AnyChoiceField(forms.ChoiceField):
    """A choice of paths; others than those offered come with other messages."""

    widget = UnfoldAdminSelectWidget

    def valid_value(self, value: object) -> bool:
        return True


class WordsField(forms.CharField):
    """Words in lower case, typed with commas between."""

    def prepare_value(self, value: Any) -> Any:  # the list of the mapping, or what was typed
        return ", ".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:  # str in, list out
        return [text.strip().lower() for text in (value or "").split(",") if text.strip()]


def _line(label: str, **kwargs: Any) -> dict[str, Any]:  # as forms.CharField
    placeholder = kwargs.pop("placeholder", "")
    attrs = {"placeholder": placeholder, "autocomplete": "off", "spellcheck": "false"}
    widget = UnfoldAdminTextInputWidget(attrs)
    return {"label": label, "required": False, "widget": widget, **kwargs}


class MappingForm(forms.Form):
    """What is chosen is compared with the sample at once; the sample itself is not stored."""

    sample = forms.CharField(
        label="A message as it is sent",
        required=False,
        strip=False,
        widget=UnfoldAdminTextareaWidget(
            {"rows": 12, "class": "mu-mono", "spellcheck": "false", "autocomplete": "off"}
        ),
        help_text="JSON, or a form: name=value&other=value",
    )
    content_type = forms.CharField(required=False, widget=forms.HiddenInput())

    def __init__(
        self,
        stored: FieldMapping,
        data: QueryDict | None = None,
        *,
        sample: str = "",
        content_type: str = "",
    ) -> None:
        initial = {"sample": sample, "content_type": content_type, "each": stored.each}
        initial |= {"resolved": stored.resolved, "acknowledged": stored.acknowledged}  # type: ignore[dict-item]
        super().__init__(data, initial=initial)
        self.stored = stored
        self.document = self._document()
        self.leaves: list[Leaf] = leaves(self.document)
        self._add_fields(guesses(self.document, self._each_now()))

    def _value(self, name: str) -> str:
        """What was typed, or what the form begins with."""
        return str((self.data if self.is_bound else self.initial).get(name) or "")

    def _document(self) -> object:
        """The sample as it is read; MISSING for none, or one that is no message at all."""
        self.sample_fault = ""
        body = self._value("sample").encode("utf-8", "replace")
        if not body.strip():
            return MISSING
        try:
            return anything(Envelope(body, self._value("content_type")), WHAT)
        except IntakeError as error:
            self.sample_fault = error.message
            return MISSING

    def _each_now(self) -> FieldMapping:
        each = self._value("each")
        try:
            return FieldMapping(each=write(parse(each)) if each not in ("", WHOLE) else each)
        except PathError:
            return FieldMapping()

    # --- Fields -----------------------------------------------------------------------------------

    def _add_fields(self, guessed: dict[str, str]) -> None:
        self.fields["each"] = AnyChoiceField(
            label="One alert for each item of",
            required=False,
            choices=self._lists(),
            help_text="Where one message tells of several alerts at once.",
        )
        offered = [(leaf.written, _described(leaf)) for leaf in self.leaves[:FIELDS_SHOWN]]
        for name in PICKS:
            label, help_text = LABELS[name]
            pick: Pick = getattr(self.stored, name)
            by_hand = {written for written, _ in offered}
            is_offered = pick.path in by_hand or not pick.path
            self.fields[name] = AnyChoiceField(
                label=label,
                required=False,
                initial=pick.path,
                help_text=help_text,
                choices=[
                    ("", f"Found by itself: {guessed[name]}" if name in guessed else "–"),
                    *([] if is_offered else [(pick.path, f"{pick.path} (not in this message)")]),
                    *self._typed_choice(name, by_hand | {pick.path}),
                    *offered,
                ],
            )
            self.fields[f"{name}_by_hand"] = forms.CharField(
                **_line("Or another path", placeholder="alert.labels.name, items[0].name")
            )
            self.fields[f"{name}_pattern"] = forms.CharField(
                initial=pick.pattern,
                **_line("Only the part that matches", placeholder=r"for example  \[(\w+)\]"),
            )
        self.fields["resolved"] = WordsField(
            **_line("Words that mean it is over", placeholder=", ".join(RESOLVED[:8]) + " …")
        )
        self.fields["acknowledged"] = WordsField(
            **_line("Words that mean somebody has it", placeholder=", ".join(ACKNOWLEDGED))
        )

    def _typed_choice(self, name: str, known: set[str]) -> list[tuple[str, str]]:
        """What was chosen from an earlier message stays chosen when another one is loaded."""
        value = self._value(name) if self.is_bound else ""
        return [(value, f"{value} (not in this message)")] if value and value not in known else []

    def _lists(self) -> list[tuple[str, str]]:
        found = [write(path) or WHOLE for path in lists(self.document)] if self.has_sample else []
        now = self._value("each")
        offered = list(dict.fromkeys([*found, *([now] if now else [])]))
        shown = {WHOLE: "the message itself"}
        return [
            ("", "– (“alerts”, if there is such a list)"),
            *((path, shown.get(path, path)) for path in offered),
        ]

    @property
    def has_sample(self) -> bool:
        return self.document is not MISSING

    def rows(self) -> list[tuple[forms.BoundField, forms.BoundField, forms.BoundField, bool]]:
        """Each field of an alert: the choice, what is typed beside it, and whether any of it is."""
        return [
            (self[name], by_hand, pattern, bool(
                by_hand.value() or pattern.value() or by_hand.errors or pattern.errors
            ))
            for name in PICKS
            for by_hand, pattern in [(self[f"{name}_by_hand"], self[f"{name}_pattern"])]
        ]  # fmt: skip

    # --- What it says -----------------------------------------------------------------------------

    def clean_sample(self) -> str:
        if self.sample_fault:
            raise forms.ValidationError(self.sample_fault)
        return str(self.cleaned_data["sample"])

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        picks = {
            name: Pick(
                path=cleaned.get(f"{name}_by_hand") or cleaned.get(name) or "",
                pattern=cleaned.get(f"{name}_pattern") or "",
            )
            for name in PICKS
        }
        words = {name: cleaned.get(name) or [] for name in ("resolved", "acknowledged")}
        given: dict[str, Any] = {"each": cleaned.get("each") or "", **picks, **words}  # as they are
        mapping = FieldMapping(**given)
        for name, sentence in faults(mapping).items():
            is_typed = cleaned.get(f"{name}_by_hand")
            self.add_error(f"{name}_by_hand" if is_typed else name, sentence)
        for name, pick in picks.items():
            if pick.pattern and not pick.path:
                sentence = "Choose the field that this is a part of."
                self.add_error(f"{name}_pattern", sentence)
        cleaned["mapping"] = mapping
        return cleaned

    def mapping(self) -> FieldMapping:
        """What is chosen now: on the page as it was opened, what is stored."""
        if not self.is_bound:
            return self.stored
        mapping: FieldMapping = self.cleaned_data["mapping"]
        return mapping

    def missing(self) -> list[str]:
        """What was chosen and does not stand in this message."""
        if not self.has_sample or (self.is_bound and not self.is_valid()):
            return []
        mapping = self.mapping()
        return [
            LABELS[name][0]
            for name in PICKS
            if (pick := getattr(mapping, name)) and find(self.document, parse(pick.path)) is MISSING
        ]


def _described(leaf: Leaf) -> str:
    return f"{leaf.written}: {shown(leaf.value)}"


def shown(value: object) -> str:
    """A value as it is sent, short enough for a line."""
    text = value if isinstance(value, str) else json.dumps(value)
    text = " ".join(text.split())
    return text if len(text) <= VALUE_SHOWN else f"{text[: VALUE_SHOWN - 1]}…"


def stored_mapping(integration: Integration) -> FieldMapping:
    """The integration's mapping; a damaged one counts as none, so that the page can mend it."""
    try:
        return msgspec.convert(integration.options.get("mapping") or {}, FieldMapping)
    except msgspec.ValidationError:
        return FieldMapping()
