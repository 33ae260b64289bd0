"""A refusal of the domain, shown on the form that asked for it."""

from django import forms

from roster.errors import DomainError


def add_refusal(form: forms.BaseForm, error: DomainError) -> None:
    """Put a refusal on the fields it names, or above the form when it names none it has."""
    named = {name: texts for name, texts in error.fields.items() if name in form.fields}
    for name, texts in named.items():
        for text in texts:
            form.add_error(name, text)
    if not named:
        form.add_error(None, error.message)
