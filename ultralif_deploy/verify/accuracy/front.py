"""Which of several candidates no other one beats (Pareto front)."""

from collections.abc import Sequence


def undominated(costs: Sequence[tuple[float, ...]]) -> list[bool]:
    """Whether no other candidate costs as little in every respect and differs in one.

    Args:
        costs: of every candidate, all to be small; of equal ones all are on the front.
    """
    return [not any(_dominates(other, own) for other in costs) for own in costs]


def _dominates(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    return a != b and all(x <= y for x, y in zip(a, b, strict=True))
