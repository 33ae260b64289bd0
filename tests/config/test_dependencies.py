"""Every start installs the same versions, and nothing says from where."""

import re
import tomllib
from itertools import chain
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCK = ROOT / "config" / "deploy" / "requirements.lock.txt"
PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)")


@pytest.fixture(scope="module")
def project() -> dict[str, object]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def pins(lines: list[str]) -> dict[str, str]:
    matches = (PIN.match(line) for line in lines)
    return {match[1].lower(): match[2] for match in matches if match}


def test_lock_agrees_with_the_constraints(project):
    constraints = pins(project["tool"]["uv"]["constraint-dependencies"])
    locked = pins(LOCK.read_text().splitlines())

    assert locked
    assert locked.items() <= constraints.items()


def test_direct_dependencies_are_pinned_and_constrained(project):
    groups = project["dependency-groups"].values()
    extras = project["project"]["optional-dependencies"].values()
    direct = list(chain(project["project"]["dependencies"], *groups, *extras))
    constraints = pins(project["tool"]["uv"]["constraint-dependencies"])

    assert len(pins(direct)) == len(set(direct))
    assert pins(direct).items() <= constraints.items()


def test_lock_holds_everything_that_runs_and_its_hashes(project):
    lines = LOCK.read_text().splitlines()
    entries = [index for index, line in enumerate(lines) if PIN.match(line)]

    assert pins(project["project"]["dependencies"]).items() <= pins(lines).items()
    assert all("--hash=sha256:" in lines[index + 1] for index in entries)


@pytest.mark.parametrize("path", [LOCK, ROOT / "pyproject.toml"], ids=lambda path: path.name)
def test_no_address_is_named(path):
    assert re.findall(r"https?://|--index|--find-links|\bindex-url\b", path.read_text()) == []
