"""Patterns that people write: what passes, what is refused, and what cannot hold us up."""

import pytest
from django.core.exceptions import ValidationError

from incidents import patterns
from incidents.models import RoutingMatcher


@pytest.mark.parametrize(
    ("pattern", "text", "is_match"),
    [
        ("prod.*", "production", True),
        ("rod", "prod", False),
        ("(?i)PROD", "prod", True),
        ("one.*two", "one\ntwo", True),
        ("Größe [0-9]+", "Größe 12", True),
        ("", "", True),
        ("a{3}", "aaa", True),
    ],
)
def test_whole_text_must_match(pattern, text, is_match):
    assert patterns.matches(pattern, text) is is_match


@pytest.mark.parametrize("pattern", ["(a+)+b", "(a|a)*b", "(.*)(.*)(.*)(.*)x", "(a|aa)+$b"])
def test_pattern_that_explodes_elsewhere_answers(pattern):
    """Python's engine would not be done with these before the tests are stopped."""
    assert not patterns.matches(pattern, "a" * 8_000)


@pytest.mark.parametrize(
    "pattern", ["(", "(?=a)b", "(?<!a)b", r"(a)\1", "(a{1000}){1000}", "[z-a]", "a{2000}"]
)
def test_what_cannot_be_used_is_refused(pattern):
    with pytest.raises(patterns.PatternError):
        patterns.check(pattern)


@pytest.mark.parametrize(
    ("operator", "value", "says"),
    [
        ("matches", "(", "missing )"),
        ("matches", "(?=a)", "invalid perl operator"),
        ("in", " , ", "with commas"),
        ("absent", "prod", "Leave this empty"),
    ],
)
def test_condition_that_makes_no_sense_is_refused_on_its_value(operator, value, says):
    with pytest.raises(ValidationError) as refused:
        RoutingMatcher(label="env", operator=operator, value=value).clean()

    assert says in refused.value.message_dict["value"][0]
