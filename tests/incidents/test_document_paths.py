"""Paths into messages: written and read back, and what stands at them."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incidents.document_paths import MISSING, PathError, find, leaves, lists, parse, write

MESSAGE = {"alert": {"labels": {"odd.name": "x"}}, "items": [{"name": "first"}, {"name": "second"}]}


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("alert", ("alert",)),
        ("alert.labels.name", ("alert", "labels", "name")),
        ("items[0].name", ("items", 0, "name")),
        ("[1][2]", (1, 2)),
        ('alert.labels["odd.name"]', ("alert", "labels", "odd.name")),
        ('["say \\"hi\\""].x', ('say "hi"', "x")),
        ("  spaced  ", ("spaced",)),
        ("über.straße-7", ("über", "straße-7")),
    ],
)
def test_parse(text, path):
    assert parse(text) == path


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "Give a path"),
        ("a..b", "A name is missing at the dot of “a.”"),
        ("a.", "A name is missing at the dot of “a.”"),
        (".a", "A name is missing at the dot of “.”"),
        ("a[x]", "“[x]” cannot be read"),
        ("a[0", "“[0” cannot be read"),
        ("a[0]b", "A dot is missing after “a[0]”"),
        ("a b", "A dot is missing after “a”"),
        ('a["\\x"]', "is not quoted as JSON is"),
        ("x" * 600, "Give a path"),
    ],
)
def test_parse_says_where_it_went_wrong(text, said):
    with pytest.raises(PathError) as refusal:
        parse(text)

    assert said in str(refusal.value)


STEPS = st.one_of(st.text(min_size=1, max_size=12), st.integers(min_value=0, max_value=999_999))


@pytest.mark.slow
@given(st.lists(STEPS, min_size=1, max_size=6).map(tuple))
def test_what_is_written_is_read_back(path):
    assert parse(write(path)) == path


@pytest.mark.slow
@given(st.text(max_size=40))
def test_any_text_is_a_path_or_a_path_error(text):
    with suppress(PathError):
        assert find(MESSAGE, parse(text)) is not None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("items[1].name", "second"),
        ('alert.labels["odd.name"]', "x"),
        ("items[2].name", MISSING),
        ("items.name", MISSING),
        ("alert[0]", MISSING),
        ("nothing", MISSING),
    ],
)
def test_find(text, value):
    assert find(MESSAGE, parse(text)) == value


def test_leaves_are_in_the_order_of_the_message():
    assert [(leaf.written, leaf.value) for leaf in leaves(MESSAGE)] == [
        ('alert.labels["odd.name"]', "x"),
        ("items[0].name", "first"),
        ("items[1].name", "second"),
    ]


def test_leaves_and_lists_are_bounded():
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]

    assert leaves(deep) == []
    assert len(leaves([["x"] * 1_000] * 1_000)) == 300


def test_lists_of_objects():
    assert lists(MESSAGE) == [("items",)]
    assert lists([{"a": [{"b": 1}], "c": [1]}]) == [(), (0, "a")]
