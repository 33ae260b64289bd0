"""Which steps of a policy are next, when the policy may have been edited since the last one.

Pure: steps are followed by identity. `run` are the ids of this pass' steps so far, in the order in
which they ran, `ahead` those that followed the last of them at that time.
"""

from collections.abc import Sequence
from typing import Protocol


class Step(Protocol):
    """A step as far as its place goes. Of those at one position all are run together."""

    @property
    def pk(self) -> int: ...

    @property
    def position(self) -> int: ...


def steps_left[S: Step](order: Sequence[S], run: Sequence[int], ahead: Sequence[int]) -> list[S]:
    """What this pass still has to run, in the policy's present order.

    That is what stands behind the last step that ran and is still there, and whatever was ahead,
    wherever it was moved: an edit may add and reorder, but nobody who was to be paged is missed. A
    step put in before the place we have come to waits for the next pass.
    """
    places = {step.pk: place for place, step in enumerate(order)}
    here = next((places[pk] for pk in reversed(run) if pk in places), -1)
    return [
        step
        for place, step in enumerate(order)
        if step.pk not in run and (place > here or step.pk in ahead)
    ]


def first_rung[S: Step](left: Sequence[S]) -> list[S]:
    """The steps that run next: usually one, more where several share its position."""
    return [step for step in left if step.position == left[0].position]
