"""Details of any shape, as the formats of other products let their senders add them."""

from collections.abc import Mapping
from typing import Any

from incidents.intake.notification import (
    LABEL_COUNT,
    LABEL_LENGTH,
    TEXT_LENGTH,
    clean_text,
)

# Longer ones are read by people, and no rule matches them.
AS_LABEL_LENGTH = 200


def split_details(
    details: object, labels: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, str]]:
    """`labels` and what is short and flat of the details; and the rest, as annotations.

    So that rules match `{"region": "eu"}`, and a nested or a long value is still there to be read.
    What the format itself names comes before a detail of the same name.
    """
    as_labels, as_annotations = dict(labels), dict[str, str]()
    pairs = details.items() if isinstance(details, dict) else [("details", details)]
    for raw_name, value in list(pairs)[:LABEL_COUNT]:
        name, text = clean_text(raw_name, LABEL_LENGTH), clean_text(value, TEXT_LENGTH)
        if not text:
            continue
        is_flat = not isinstance(value, dict | list)
        is_label = is_flat and len(text) <= AS_LABEL_LENGTH and len(as_labels) < LABEL_COUNT
        if is_label and name not in as_labels:
            as_labels[name] = text
        else:
            as_annotations[name] = text
    return as_labels, as_annotations


def first_text(details: Any, *names: str) -> str:  # Any: whatever a sender put there
    """The first of these details that has a text; or the details, where they are one text."""
    if isinstance(details, str):
        return clean_text(details, TEXT_LENGTH)
    if not isinstance(details, dict):
        return ""
    found = (details.get(name) for name in names)
    return next((clean_text(value, TEXT_LENGTH) for value in found if value), "")
