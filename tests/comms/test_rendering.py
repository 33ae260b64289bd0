from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from comms.facts import SAMPLE
from comms.models import Purpose
from comms.rendering import (
    MAX_OUTPUT,
    TemplateError,
    check,
    render,
    variables_for,
)
from comms.wording import BUILT_IN

KNOWN = variables_for(Purpose.UPDATE)


def problems(source: str) -> list[str]:
    return [str(problem) for problem in check(source, KNOWN)]


def test_template_with_known_variables_has_no_problems():
    source = (
        "{{ incident.title }}{% for name in incident.services %}{{ name | upcase }}{% endfor %}"
    )

    assert problems(source) == []


def test_unknown_variable_is_named_with_its_line_and_a_guess():
    assert problems("Dear all,\n{{ incident.titel }}") == [
        "Line 2: Unknown variable “incident.titel”. Did you mean “incident.title”?"
    ]


def test_variable_of_another_purpose_is_unknown():
    assert problems("{{ page.acknowledge_url }}") == [
        "Line 1: Unknown variable “page”. There are: incident, now, organisation, update."
    ]


def test_syntax_error_is_named_with_its_line():
    assert problems("one\ntwo {{ incident.title") == ["Line 2: Expected '}}', found end of file."]


def test_unknown_filter_is_named_with_its_line():
    [problem] = problems('{{ "x" | times: 3 }}')

    assert problem.startswith("Line 1: Unknown filter “times”. There are: append, ")


@pytest.mark.parametrize(
    "source",
    [
        "{% include 'settings' %}",
        "{% render 'settings' %}",
        "{% for i in (1..999999999) %}x{% endfor %}",
        "{% if (1..999999999) contains 'x' %}x{% endif %}",
        "{% assign x = (1..999999999) %}{{ x | join }}",
        "{% capture x %}{% endcapture %}",
        "{% increment x %}",
        "{{ 'now' | date: '%Y' }}",
        "{{ incident" + "[incident" * 2000 + "]" * 2000 + " }}",
        "{% if true %}" * 500 + "{% endif %}" * 500,
        "x" * 20_001,
    ],
)
def test_what_reaches_out_or_works_without_end_is_refused(source: str):
    assert problems(source)
    with pytest.raises(TemplateError):
        render("subject", source, SAMPLE)


@pytest.mark.parametrize(
    "source",
    [
        "{% for a in l %}{% for b in l %}{% for c in l %}x{% endfor %}{% endfor %}{% endfor %}",
        "{% assign s = 'xxxxxxxxxx' %}{% for a in l %}{% assign s = s | append: s %}{% endfor %}",
        "{% for a in l %}{{ big }}{% endfor %}",
        "{{ l | join: big }}",
    ],
)
def test_what_multiplies_stops_at_the_limits(source: str):
    with pytest.raises(TemplateError):
        render("subject", source, {"l": list(range(90)), "big": "x" * 10_000})


PIECES = st.sampled_from(
    [
        "{{ l }}",
        "{{ big }}",
        "{{ big | append: big }}",
        "{% for a in l %}",
        "{% endfor %}",
        "{% assign big = big | append: big %}",
        "{% assign l = big %}",
        "{% if l %}",
        "{% endif %}",
        "{{ x.y[0].z | default: big }}",
        '{{ "x" | times }}',
        "{{ (1..9999999999) }}",
        "{{ l | join: big | join: big }}",
        "{% break %}",
        "{{ missing.size | size }}",
        "{{",
        "}}",
        "{%",
        "\n",
    ]
)


@settings(max_examples=150, deadline=2000)
@given(st.lists(PIECES, max_size=12))
def test_hostile_template_ends_within_the_limits_or_with_an_error(pieces: list[str]):
    try:
        rendered = render("s", "".join(pieces), {"l": ["x"] * 20, "big": "x" * 1000})
    except TemplateError:
        return

    assert len(rendered.body.encode()) <= MAX_OUTPUT


@settings(max_examples=200, deadline=1000)
@given(st.text(alphabet="{}%|.[]()'\"abi0 \n-:,=<", max_size=60))
def test_any_text_renders_or_is_refused_with_our_own_error(source: str):
    with suppress(TemplateError):
        render(source, source, SAMPLE)


def test_value_from_outside_cannot_become_a_link_or_html():
    rendered = render(
        "{{ title }}", "{{ title }}", {"title": "[pay here](https://evil.example) <img src=x>"}
    )

    assert rendered.body == r"\[pay here](https://evil.example) \<img src=x>"
    assert rendered.subject == "[pay here](https://evil.example) <img src=x>"


def test_subject_is_one_line():
    assert render("{{ a }}", "x", {"a": "one\r\nBcc: two"}).subject == "one Bcc: two"


def test_empty_value_is_nil():
    source = "{% if workaround %}Try {{ workaround }}{% else %}None yet{% endif %}"

    assert render("s", source, {"workaround": ""}).body == "None yet"


def test_object_of_ours_is_only_its_text():
    class Secret:
        password = "hunter2"

        def __str__(self) -> str:
            return "a secret"

    rendered = render("s", "{{ x }} {{ x.password }} {{ x.__class__ }}", {"x": Secret()})

    assert rendered.body == "a secret"


@pytest.mark.parametrize("purpose", Purpose.values)
def test_built_in_words_use_only_documented_variables(purpose: str):
    subject, body = BUILT_IN[purpose]

    assert check(subject, variables_for(purpose)) == []
    assert check(body, variables_for(purpose)) == []
    assert render(subject, body, SAMPLE).body


@pytest.mark.parametrize("purpose", Purpose.values)
def test_sample_has_every_documented_variable(purpose: str):
    for name, inside in variables_for(purpose).items():
        value = SAMPLE[name]
        if inside:
            assert isinstance(value, dict)
            assert set(value) == inside
