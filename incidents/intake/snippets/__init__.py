"""What people paste into their monitors where it is too long to stand between lines of Python."""

from pathlib import Path


def snippet(name: str) -> str:
    """The file of this name, with `{url}`, `{key}` and `{base}` still to be filled in."""
    return (Path(__file__).parent / name).read_text()
