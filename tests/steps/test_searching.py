"""Search for bits: what it finds is no worse than its neighbours and than equal bits for all."""

import itertools
from collections.abc import Callable

import numpy as np
import pytest

from ultralif_deploy.energy.devices import load_device
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.schema.choices import Candidate
from ultralif_deploy.steps.searching import Goal, Search

DEVICE = load_device("yan2024")
LADDER = (8, 4, 2, 1)
SIZES = {"first": 1000, "second": 200, "third": 30, "unweighted": 0}


Loss = Callable[[dict[str, int]], float]


def loss_of(seed: int) -> Loss:
    """Losses in points that grow, by another amount for every population, as bits are fewer."""
    rng = np.random.default_rng(seed)
    steps = {n: np.cumsum(rng.exponential(1.0, len(LADDER))) for n, size in SIZES.items() if size}
    return lambda bits: float(sum(each[LADDER.index(bits[n])] for n, each in steps.items()))


def candidate(bits: dict[str, int], loss: float) -> Candidate:
    bytes_taken = sum(SIZES[name] * one for name, one in bits.items()) // 8
    return {
        "weight_bits": 8,
        "spike_bits": 1,
        "mean_weight_bits": 8.0,
        "mean_spike_bits": 1.0,
        "weight_bytes": bytes_taken,
        "synaptic_operations": 1.0,
        "joules": bytes_taken * 1e-12,
        "cores": {"loihi2": 1 + bytes_taken // 100},
        "accuracy": None,
        "loss": loss,
        "on_front": False,
        "chosen": False,
    }


def every(loss: Loss) -> list[Candidate]:
    """All combinations of formats of the populations that store anything."""
    names = [name for name, size in SIZES.items() if size]
    combined = (
        dict(zip(names, one, strict=True)) | {"unweighted": 8}
        for one in itertools.product(LADDER, repeat=len(names))
    )
    return [candidate(bits, loss(bits)) for bits in combined]


def found(loss: Loss, goal: Goal) -> tuple[Candidate, dict[str, int], int]:
    """What the search finds, with its bits, and how many candidates it tried."""
    shown: list[float] = []
    search = Search(
        lambda bits: candidate(bits, loss(bits)),
        LADDER,
        float,
        SIZES,
        goal,
        lambda share, _: shown.append(share),
    )
    bits, one = search.best()
    assert one == candidate(bits, loss(bits))
    assert len(shown) == len(search.tried)
    assert all(0 < share <= 1 for share in shown)
    return one, bits, len(search.tried)


def alternatives(loss: Loss, bits: dict[str, int]) -> list[Candidate]:
    """The same bits for all, and the bits with those of one population changed."""
    uniform = [dict.fromkeys(SIZES, one) for one in LADDER]
    names = [name for name, size in SIZES.items() if size]
    changed = [bits | {name: one} for name in names for one in LADDER]
    return [candidate(other, loss(other)) for other in (*uniform, *changed)]


@pytest.mark.parametrize("seed", range(8))
def test_the_fewest_bits_within_a_loss(seed: int) -> None:
    loss = loss_of(seed)
    most = loss(dict.fromkeys(SIZES, 8)) + 2.0
    one, bits, count = found(loss, Goal(DEVICE, most))
    assert one["loss"] <= most
    within = [other for other in alternatives(loss, bits) if other["loss"] <= most]
    assert one["weight_bytes"] == min(other["weight_bytes"] for other in within)
    assert count < len(every(loss)) / 2


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("share", [0.2, 0.4, 0.7])
def test_the_smallest_loss_within_a_budget(seed: int, share: float) -> None:
    loss = loss_of(seed)
    most = int(share * sum(SIZES.values()))
    one, bits, _ = found(loss, Goal(DEVICE, None, most))
    assert one["weight_bytes"] <= most
    fits = [other for other in alternatives(loss, bits) if other["weight_bytes"] <= most]
    assert one["loss"] == min(other["loss"] for other in fits)
    by_energy, _, _ = found(loss, Goal(DEVICE, None, None, most * 1e-12 * (1 + 1e-9)))
    assert by_energy == one


def test_the_best_may_not_begin_at_the_best_uniform_bits() -> None:
    """The first population bears few bits, the second needs many: 1 and 8 bits, not 2 and 2."""

    def loss(bits: dict[str, int]) -> float:
        return 0.1 * (8 - bits["first"]) + 5.0 * (8 - bits["second"]) + 0.0 * bits["third"]

    one, _, _ = found(loss, Goal(DEVICE, None, (1000 * 1 + 200 * 8 + 30 * 8) // 8))
    assert one["loss"] == pytest.approx(0.7)


def test_nothing_within_the_loss_or_the_budget() -> None:
    loss = loss_of(0)
    one, _, _ = found(loss, Goal(DEVICE, 0.0))
    assert one["loss"] == min(each["loss"] for each in every(loss))
    goal = Goal(DEVICE, None, 100)
    nearest, _, _ = found(loss, goal)
    assert nearest["weight_bytes"] == min(each["weight_bytes"] for each in every(loss))
    assert goal.excess(nearest) == nearest["weight_bytes"] / 100
    assert goal.unbudgeted() == Goal(DEVICE)


def test_both_budgets_hold() -> None:
    loss = loss_of(3)
    for weight_bytes, joules in ((900, 5e-10), (500, 9e-10)):
        one, _, _ = found(loss, Goal(DEVICE, None, weight_bytes, joules))
        assert one["weight_bytes"] <= 500
        assert (one["joules"] or 0) <= 5e-10


def test_cores_are_bounded_and_a_refusal_never_fits() -> None:
    loss = loss_of(4)
    goal = Goal(DEVICE, cores={"loihi2": 6})
    one, bits, _ = found(loss, goal)
    assert one["cores"]["loihi2"] == 6
    assert one["loss"] < candidate(every_with(1), loss(every_with(1)))["loss"]
    refused = candidate(bits, 0.0) | {"cores": {"loihi2": "loihi2: too wide"}}
    assert goal.excess(refused) == float("inf")  # type: ignore[arg-type]


def every_with(bits: int) -> dict[str, int]:
    return dict.fromkeys(SIZES, bits)


def test_a_device_without_a_figure() -> None:
    one = candidate(dict.fromkeys(SIZES, 8), 0.0) | {"joules": None}
    with pytest.raises(UltralifError, match="--max-energy: yan2024 has no figure for this program"):
        Goal(DEVICE, None, None, 1.0).excess(one)  # type: ignore[arg-type]
