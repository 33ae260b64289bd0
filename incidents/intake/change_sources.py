"""What GitHub and GitLab have in common: they tell of changes, each to a repository."""

from collections.abc import Iterable
from typing import Annotated

import msgspec

from incidents.intake.notification import (
    LABEL_LENGTH,
    TITLE_LENGTH,
    Notification,
    clean_text,
)

Services = Annotated[
    dict[str, str],
    msgspec.Meta(
        title="Services by repository",
        description="One a line: repository = slug of a service. Others change this integration's"
        " service.",
    ),
]
Workflows = Annotated[
    list[str],
    msgspec.Meta(
        title="Workflows or pipelines",
        description="Names, one a line. Empty: all that run on the default branch.",
    ),
]
Ignored = Annotated[
    list[str],
    msgspec.Meta(
        title="Environments left out",
        description="Names, one a line, such as review. What is deployed there is not kept.",
    ),
]


def nothing(kind: object) -> Notification:
    """For the many messages that are about something else."""
    return Notification(remark=f"Nothing is kept of “{clean_text(kind, 60)}”.")


def headline(text: object) -> str:
    """The first line of a commit's message, as a title has it."""
    return clean_text(clean_text(text, LABEL_LENGTH).strip().partition("\n")[0], TITLE_LENGTH)


def title(parts: Iterable[object]) -> str:
    """Words of a title, those that are empty left out."""
    return clean_text(" ".join(text for part in parts if (text := clean_text(part, 200))), 300)
