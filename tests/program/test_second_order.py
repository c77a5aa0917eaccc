"""Models with two state words: integer updates, both simulators, what is refused."""

import math
from dataclasses import fields
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from support.comparisons import back_ends_agree
from support.networks.second_order_models import one_layer, silif
from support.specification import runs_follow_spec
from support.strategies.programs import second_order_programs
from support.strategies.second_order import MODELS
from support.strategies.shapes import seeds
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.program import neurons
from ultralif_deploy.program.fixed import INT32_MAX, clip, rounded
from ultralif_deploy.program.program import Population
from ultralif_deploy.simulators.fast import simulator as fast
from ultralif_deploy.simulators.fast import updates as fast_updates
from ultralif_deploy.simulators.reference import simulator as reference
from ultralif_deploy.simulators.reference import updates


def test_fast_is_the_reference() -> None:
    back_ends_agree(fast.load, drawn=second_order_programs(), examples=80)


@pytest.mark.parametrize("back_end", [reference, fast], ids=["reference", "fast"])
def test_whole_runs_are_the_specified_ones(back_end: ModuleType) -> None:
    runs_follow_spec(back_end.load, drawn=second_order_programs(), examples=30)


@pytest.mark.parametrize(
    ("product", "bits", "quotient"),
    [(7, 3, 1), (4, 3, 1), (3, 3, 0), (-4, 3, 0), (-5, 3, -1), (-12, 3, -1), (1, 1, 1), (-1, 1, 0)],
)
def test_products_round_to_nearest_and_halves_up(product: int, bits: int, quotient: int) -> None:
    assert rounded(product, bits) == quotient == math.floor(product / 2**bits + 0.5)


@pytest.mark.parametrize(("v", "bits", "clipped"), [(9, 4, 7), (-9, 4, -7), (-8, 4, -7), (3, 4, 3)])
def test_states_saturate_symmetrically(v: int, bits: int, clipped: int) -> None:
    assert clip(v, bits) == clipped


@given(st.sampled_from(sorted(MODELS)), seeds)
@settings(max_examples=200)
def test_extreme_updates_do_not_wrap(kind: str, seed: int) -> None:
    """Kernels in 64 bits equal Python's integers at the ends of every range."""
    rng = np.random.default_rng(seed)
    size = 16
    low, high = -INT32_MAX - 1, INT32_MAX

    def ends(*values: int) -> np.ndarray:
        return rng.choice(np.array(values, dtype=np.int64), size)

    parameters = {f.name: ends(low, high) for f in fields(MODELS[kind])}
    parameters |= {k: ends(-(1 << 20), 1 << 20) for k in MODELS[kind].COEFFICIENTS}
    parameters |= {
        "shift": ends(0, 24),
        "coefficient_bits": np.full(size, 20),
        "state_bits": ends(2, 32),
    }
    model = MODELS[kind](**parameters)
    lists = {k: v.tolist() for k, v in parameters.items()}
    current, bias = ends(-high, high), ends(low, high)
    top = (1 << (parameters["state_bits"] - 1)) - 1
    state = np.concatenate((ends(-1, 1) * top, ends(-1, 1) * top))
    spikes, after = updates.step(model, lists, bias.tolist(), current.tolist(), state.tolist())
    found, fired = state[None].copy(), np.zeros((1, 1, size), dtype=np.uint8)
    now = current[None, None].astype(np.int32)
    population = Population("extreme", size, model, bias, np.ones(size))
    update = fast_updates.UPDATES[type(model)](population)
    update(fast_updates.Block(now, bias, found, fired))
    assert found[0].tolist() == after
    assert fired[0, 0].tolist() == spikes


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"shift": 25}, "a: shift from 25 to 25; expected 0 to 24"),
        ({"shift": -1}, "a: shift from -1 to -1; expected 0 to 24"),
        ({"coefficient_bits": 0}, "coefficient bits from 0 to 0; expected 1 to 20"),
        ({"coefficient_bits": 21}, "coefficient bits from 21 to 21; expected 1 to 20"),
        ({"state_bits": 33}, "state bits from 33 to 33; expected 2 to 32"),
        ({"state_bits": 1}, "state bits from 1 to 1; expected 2 to 32"),
        ({"alpha": 5}, "a: alpha reaches 5; expected at most 2"),
        ({"a": -5}, "a: a reaches 5; expected at most 2"),
    ],
)
def test_parameters_outside_the_proved_ranges_are_refused(
    changes: dict[str, int], message: str
) -> None:
    with pytest.raises(UltralifError, match=message):
        one_layer(silif(**changes))
    one_layer(silif())


def test_the_sum_of_a_leaky_read_out_fits_32_bits() -> None:
    words = {"alpha": 0, "shift": 0, "coefficient_bits": 4, "state_bits": 30}
    readout = neurons.LeakySum(**{k: np.array([v]) for k, v in words.items()})
    program = one_layer(silif(), readout, 4)
    with pytest.raises(UltralifError, match="5 timesteps of values up to 536870911 pass 32 bits"):
        program.check_timesteps(5)


def test_reset_is_not_stored_with_the_state() -> None:
    """The stored u is the one that fired: what a spike takes from it is taken a timestep later."""
    program = one_layer(silif(alpha=4, beta=0, a=0, b=0), timesteps=3)
    trace = reference.load(program).run(np.array([[[1]], [[1]], [[0]]], np.uint8), record=True)
    assert trace.spikes is not None
    assert trace.spikes["a"][:, 0, 0].tolist() == [0, 1, 0]
    assert_array_equal(trace.logits, [[1]])
