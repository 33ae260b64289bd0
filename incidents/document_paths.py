"""Paths into a message: `alert.labels.name`, `items[0].name`, `["odd.name"].x`.

Pure, and without recursion: what is nested a thousand levels deep is sent as well.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from re import compile as pattern

type Path = tuple[str | int, ...]

PLAIN_NAME = pattern(r"[^\s.\[\]\"]+")
INDEX = pattern(r"\[(\d{1,6})\]")
QUOTED = pattern(r'\[("(?:[^"\\]|\\.)*")\]')
PATH_LENGTH = 500
LEAVES = 300
VISITED = 3_000
DEPTH = 20


class PathError(ValueError):
    """A text that is no path; the message says where it went wrong."""


class Missing:
    """What is found where a path leads nowhere; never None, which a message may hold."""


MISSING = Missing()


@dataclass(frozen=True)
class Leaf:
    """A value that is neither object nor list, and where it stands."""

    path: Path
    value: object

    @property
    def written(self) -> str:
        return write(self.path)


@lru_cache(maxsize=2_000)
def parse(text: str) -> Path:
    """The path that is written so. Raises PathError."""
    rest = text.strip()
    if not rest or len(rest) > PATH_LENGTH:
        raise PathError("Give a path such as alert.labels.name or items[0].name.")
    path: list[str | int] = []
    at = 0
    while at < len(rest):
        if rest[at] == ".":
            if not path or rest[at + 1 : at + 2] in ("", ".", "["):
                raise PathError(f"A name is missing at the dot of “{rest[: at + 1]}”.")
            at += 1
        elif path and rest[at] != "[":
            raise PathError(f"A dot is missing after “{rest[:at]}”.")
        if found := PLAIN_NAME.match(rest, at):
            path.append(found[0])
        elif found := INDEX.match(rest, at):
            path.append(int(found[1]))
        elif found := QUOTED.match(rest, at):
            path.append(_name(found[1]))
        else:
            raise PathError(f"“{rest[at:]}” cannot be read. Numbers stand in brackets: items[0].")
        at = found.end()
    return tuple(path)


def _name(quoted: str) -> str:
    try:
        return str(json.loads(quoted))
    except ValueError:
        raise PathError(f"The name in {quoted} is not quoted as JSON is.") from None


def write(path: Path) -> str:
    """How the path is written; `parse` reads it back."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif PLAIN_NAME.fullmatch(step):
            text += f".{step}" if text else step
        else:
            text += f"[{json.dumps(step)}]"
    return text


def find(document: object, path: Path) -> object:
    """What stands there, or MISSING."""
    for step in path:
        if not _has(document, step):
            return MISSING
        document = document[step]  # type: ignore[index] # _has has looked
    return document


def _has(document: object, step: str | int) -> bool:
    if isinstance(step, str):
        return isinstance(document, dict) and step in document
    return isinstance(document, list) and step < len(document)


def leaves(document: object, *, under: Path = (), limit: int = LEAVES) -> list[Leaf]:
    """The values at or under a path, in the order of the message; at most `limit`."""
    found = find(document, under)
    walk = (Leaf(path, value) for path, value in _walk(found, under) if not _is_node(value))
    return [leaf for leaf, _ in zip(walk, range(limit), strict=False)]


def lists(document: object) -> list[Path]:
    """Where lists of objects stand, the message itself among them: each may be many alerts."""
    return [
        path
        for path, value in _walk(document, ())
        if isinstance(value, list) and value and all(isinstance(each, dict) for each in value)
    ]


def _walk(document: object, start: Path) -> Iterator[tuple[Path, object]]:
    """Everything in the message, from the top; bounded in number and in depth."""
    ahead: list[tuple[Path, object]] = [] if document is MISSING else [(start, document)]
    for _ in range(VISITED):
        if not ahead:
            return
        path, value = ahead.pop()
        yield path, value
        if len(path) - len(start) < DEPTH:
            ahead += reversed([((*path, step), inside) for step, inside in _inside(value)])


def _inside(value: object) -> list[tuple[str | int, object]]:
    if isinstance(value, dict):
        return list(value.items())[:LEAVES]
    return list(enumerate(value[:LEAVES])) if isinstance(value, list) else []


def _is_node(value: object) -> bool:
    return isinstance(value, dict | list)
