import pytest
from django.db import transaction
from django.db.transaction import TransactionManagementError

from roster.references import next_number


@pytest.mark.django_db
def test_next_number_counts_each_prefix_by_itself() -> None:
    assert [next_number("INC"), next_number("INC"), next_number("PM")] == [1, 2, 1]


@pytest.mark.django_db
def test_next_number_is_given_back_by_a_rollback() -> None:
    next_number("INC")
    with transaction.atomic():
        next_number("INC")
        transaction.set_rollback(True)

    assert next_number("INC") == 2


@pytest.mark.django_db(transaction=True)
def test_next_number_refuses_to_run_outside_a_transaction() -> None:
    with pytest.raises(TransactionManagementError):
        next_number("INC")
