"""Several spikes in one timestep and a lower bound of the membrane, from file to back ends."""

from pathlib import Path
from typing import Any

import nir
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from support.commands import refused, ultralif
from ultralif_deploy import load_on, quantize
from ultralif_deploy.errors import Refused, UltralifError
from ultralif_deploy.network.running import run_hard
from ultralif_deploy.passes import apply_passes
from ultralif_deploy.program.neurons import LIF
from ultralif_deploy.program.program import Population, Program
from ultralif_deploy.quantization.rounding import rounding_table
from ultralif_deploy.readers.nir.network import import_nir
from ultralif_deploy.readers.nir.neurons import Conventions

WEIGHT = np.array([[1.5, -1.0, 0.75, 0.0], [-0.75, 0.5, 2.25, -0.5], [0.25, 0.25, -1.25, 2.5]])
INPUTS = np.array(
    [
        *([1, 0, 1, 1], [0, 1, 0, 0], [1, 1, 1, 0], [0, 0, 1, 1]),
        *([1, 1, 0, 0], [0, 1, 0, 1], [1, 0, 1, 0], [0, 1, 1, 1]),
    ],
    dtype=np.uint8,
)[:, None]
SINABS: dict[str, tuple[float | None, int, float | None, list[list[int]]]] = {
    "IAF": (
        None,
        255,
        -0.5,
        [
            *([2, 1, 1], [0, 0, 0], [0, 2, 0], [1, 2, 1]),
            *([1, 0, 0], [0, 0, 3], [1, 1, 0], [0, 2, 1]),
        ],
    ),
    "LIF with at most two spikes": (
        5.0,
        2,
        None,
        [
            *([2, 1, 1], [0, 0, 0], [0, 2, 0], [1, 2, 1]),
            *([0, 0, 0], [0, 0, 2], [2, 1, 0], [0, 2, 1]),
        ],
    ),
    "LIF with a lower bound": (
        2.0,
        255,
        -0.25,
        [
            *([2, 1, 1], [0, 0, 0], [1, 2, 0], [0, 2, 1]),
            *([1, 0, 0], [0, 0, 3], [2, 1, 0], [0, 2, 1]),
        ],
    ),
}
"""τ, spikes at most, lower bound, and the spikes of Sinabs 3.1.3 on INPUTS: IAF and LIF with
MultiSpike or MaxSpike(2), MembraneSubtract, norm_input=False, min_v_mem as given. The membranes of
the IAF meet their thresholds exactly at times; those of the LIF, with 1/32 added to all weights,
never do."""


def full(value: float) -> np.ndarray:
    return np.full(3, value)


def graph(tau: float | None) -> nir.NIRGraph:
    """Sinabs' IAF, or its LIF, which keeps e^(−1/τ) and adds what comes in."""
    if tau is None:
        neuron: Any = nir.IF(full(1e4), full(1.0), full(0.0))
    else:
        passed = -np.expm1(-1 / tau)
        neuron = nir.LIF(full(1e-4 / passed), full(1 / passed), *map(full, (0.0, 1.0, 0.0)))
    nodes = {
        "input": nir.Input(np.array([4])),
        "fc": nir.Linear(WEIGHT if tau is None else WEIGHT + 1 / 32),
        "n": neuron,
        "output": nir.Output(np.array([3])),
    }
    return nir.NIRGraph(nodes, [("input", "fc"), ("fc", "n"), ("n", "output")], type_check=False)


def sinabs(name: str) -> tuple[nir.NIRGraph, Conventions]:
    tau, most, bound, _ = SINABS[name]
    how = Conventions(reset_mode="subtract", fires="at", max_spikes=most, min_membrane=bound)
    return graph(tau), how


@pytest.mark.parametrize("name", SINABS)
def test_float_spikes_are_those_of_sinabs(name: str) -> None:
    network = import_nir(*sinabs(name), timesteps=len(INPUTS))
    assert run_hard(network, INPUTS).spikes["n"][:, 0].tolist() == SINABS[name][-1]


@pytest.mark.parametrize("name", SINABS)
@pytest.mark.parametrize("back_end", ["reference", "fast"])
def test_integer_spikes_are_those_of_sinabs(name: str, back_end: str) -> None:
    program = quantize(apply_passes(import_nir(*sinabs(name), timesteps=len(INPUTS))), 8)
    spikes = load_on(back_end, program).run(INPUTS, record=True).spikes
    assert spikes is not None
    assert spikes["n"][:, 0].tolist() == SINABS[name][-1]


def test_one_spike_and_no_bound_give_other_spikes() -> None:
    """The options decide: without one of them the spikes are not Sinabs'."""
    expected = SINABS["IAF"][-1]
    for how in (
        Conventions(reset_mode="subtract", fires="at", min_membrane=-0.5),
        Conventions(reset_mode="subtract", fires="at", max_spikes=255),
        Conventions(reset_mode="subtract", max_spikes=255, min_membrane=-0.5),
    ):
        network = import_nir(graph(None), how, timesteps=len(INPUTS))
        assert run_hard(network, INPUTS).spikes["n"][:, 0].tolist() != expected


def test_counts_multiply_in_the_next_layer() -> None:
    network = import_nir(*sinabs("IAF"), timesteps=len(INPUTS))
    program = quantize(apply_passes(network), 8)
    assert program.population("n").largest_sent == 255
    assert program.multiplies == {"n->readout"}
    assert program.current_bounds["readout"] == 255
    trace = load_on("fast", program).run(INPUTS, record=True)
    assert trace.spikes is not None
    assert_array_equal(trace.logits[0], trace.spikes["n"].sum(axis=(0, 1)))
    # A message carries a count: operations are messages, not spikes.
    assert trace.counts.spikes["n"].tolist() == [np.count_nonzero(trace.spikes["n"])]


def test_the_table_has_the_lower_bound() -> None:
    network = apply_passes(import_nir(*sinabs("LIF with a lower bound"), timesteps=8))
    rows = {row.parameter: row for row in rounding_table(network, quantize(network, 8))}
    bound = rows["lower bound of the membrane"]
    assert bound.meant == -0.25
    assert bound.error < 1e-3


def population(**changes: Any) -> Population:
    neuron = LIF(full(9), full(0), changes.pop("reset", full(4)), "subtract", **changes)
    return Population("n", 3, neuron, full(0), np.ones(3))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"most_spikes": 0}, "n: 0 spikes in one timestep; expected 1 to 255"),
        ({"most_spikes": 256}, "n: 256 spikes in one timestep; expected 1 to 255"),
        ({"most_spikes": 2, "reset": full(0)}, "expected that each subtracts at least 1"),
        ({"floor": full(-(2**23))}, "n: floor outside -8388607 to 8388607"),
        ({"membrane_bits": 33}, "n: a membrane of 33 bits; expected 24 to 32"),
        ({"fraction_bits": 15}, "n: membrane units with fractions of 15 bits; expected 6 to 14"),
    ],
)
def test_a_program_holds_what_its_registers_hold(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UltralifError, match=message):
        population(**changes)


def test_several_spikes_need_a_subtraction() -> None:
    with pytest.raises(UltralifError, match="max spikes 3 with reset value; expected --reset sub"):
        Conventions(max_spikes=3)
    with pytest.raises(UltralifError, match="max spikes 0; expected 1 to 255"):
        Conventions(max_spikes=0)
    with pytest.raises(UltralifError, match="min membrane nan; expected a finite number"):
        Conventions(min_membrane=float("nan"))


def test_a_bound_above_the_rest_is_refused() -> None:
    with pytest.raises(
        UltralifError, match=r"n: a lower bound of 0\.5 above the membrane's rest, 0"
    ):
        import_nir(graph(2.0), Conventions(min_membrane=0.5))


@pytest.mark.parametrize("back_end", ["loihi1", "loihi2"])
@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"max_spikes": 3}, "n: up to 3 spikes of a neuron in one timestep; limit 1"),
        ({"min_membrane": -0.5}, "n: a lower bound of the membrane; no register holds one"),
    ],
)
def test_chips_refuse_them_by_name(back_end: str, how: dict[str, Any], message: str) -> None:
    conventions = Conventions(reset_mode="subtract", **how)
    program = quantize(apply_passes(import_nir(graph(None), conventions)), 8)
    with pytest.raises(Refused, match=message):
        load_on(back_end, program)


def test_every_back_end_runs_or_refuses_them(tmp_path: Path) -> None:
    nir.write(tmp_path / "iaf.nir", graph(None))
    np.savez(tmp_path / "data.npz", x_test=INPUTS.transpose(1, 0, 2), y_test=np.array([1]))
    options = ("--reset", "subtract", "--fires", "at", "--max-spikes", 255, "--min-membrane", -0.5)
    arguments = (tmp_path / "iaf.nir", "--data", tmp_path / "data.npz", "--dt", 1e-4, *options)
    report = ultralif("deploy", *arguments, "-o", tmp_path / "out", "--json").json()
    exact = {name: b["exact"] for name, b in report["backends"].items()}
    assert exact["c"] is exact["onnx"] is exact["fast"] is True
    assert "loihi2" in report["backends_not_run"]
    assumed = report["assumed"]
    assert assumed["max_spikes"] == {"value": 255, "source": "option"}
    assert assumed["min_membrane"] == {"value": -0.5, "source": "option"}


def test_bad_options_end_in_one_line(tmp_path: Path) -> None:
    nir.write(tmp_path / "iaf.nir", graph(None))
    line = refused("inspect", tmp_path / "iaf.nir", "--max-spikes", 3)
    assert "max spikes 3 with reset value; expected --reset subtract" in line


def test_programs_are_frozen() -> None:
    program: Program = quantize(apply_passes(import_nir(*sinabs("IAF"))), 8)
    floor = program.population("n").neuron.floor
    with pytest.raises(ValueError, match="read-only"):
        floor[0] = 0
