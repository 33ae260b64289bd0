"""Reading nested JSON that may be of any shape: what is not there is None, and nothing raises."""

from typing import Any


def at(document: Any, *path: str | int) -> Any:  # Any: JSON
    """The value at this path of names and positions, or None."""
    for step in path:
        if isinstance(document, dict) and isinstance(step, str):
            document = document.get(step)
        elif isinstance(document, list) and isinstance(step, int) and len(document) > step:
            document = document[step]
        else:
            return None
    return document


def first_at(document: Any, *paths: str) -> Any:
    """The first of these dotted paths that leads to something other than nothing."""
    for path in paths:
        if (value := at(document, *path.split("."))) not in (None, ""):
            return value
    return None


def objects_at(document: Any, *path: str, limit: int = 100) -> list[dict[str, Any]]:
    """The objects of a list at this path, at most `limit` of them; anything else is left out."""
    found = at(document, *path)
    return (
        [each for each in found[:limit] if isinstance(each, dict)]
        if isinstance(found, list)
        else []
    )
