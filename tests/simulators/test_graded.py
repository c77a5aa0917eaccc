"""Graded spikes: every back end sends the same counts of thresholds passed, or refuses by name."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from support.comparisons import back_ends_agree, holds
from support.planted.simulators import planted_fast
from support.specification import MODELS, runs_follow_spec, step_follows_spec
from support.strategies.networks import networks
from support.strategies.programs import graded_programs
from support.strategies.shapes import GRADED, MODES, inputs_for
from ultralif_deploy.energy.counts import EventCounter
from ultralif_deploy.errors import Refused
from ultralif_deploy.exporters.nir.programs import read_nir, write_nir
from ultralif_deploy.exporters.onnx.writer import write_onnx
from ultralif_deploy.network.running import run_hard
from ultralif_deploy.passes import apply_passes
from ultralif_deploy.program.graph import Dense, Projection
from ultralif_deploy.program.neurons import (
    Integrator,
    MultiThreshold,
    Threshold,
)
from ultralif_deploy.program.program import Input, Population, Program, executed_arrays
from ultralif_deploy.quantization.quantize import quantize
from ultralif_deploy.simulators.fast import simulator as fast
from ultralif_deploy.simulators.loihi import simulator as loihi
from ultralif_deploy.simulators.reference import simulator as reference
from ultralif_deploy.simulators.reference import updates
from ultralif_deploy.simulators.runners import c as c_runner
from ultralif_deploy.simulators.runners import onnx as onnx_runner
from ultralif_deploy.verify.backends import EXPORTERS

SPECIFIED = tuple(m for m in MODELS if "thresholds" in m.LISTS)


def test_the_reference_follows_the_specification() -> None:
    step_follows_spec(updates.step, models=SPECIFIED)
    runs_follow_spec(reference.load, examples=60, drawn=graded_programs())


def test_fast_is_equal_to_the_reference() -> None:
    back_ends_agree(fast.load, drawn=graded_programs(), examples=150)


def test_onnx_is_equal_to_the_reference(tmp_path: Path) -> None:
    def exported(program: Program):
        write_onnx(program, tmp_path / "onnx")
        return onnx_runner.load(program, tmp_path / "onnx")

    back_ends_agree(exported, drawn=graded_programs(), examples=50)


def test_c_is_equal_to_the_reference(tmp_path: Path) -> None:
    def compiled(program: Program):
        EXPORTERS["c"](program, tmp_path / "c")
        return c_runner.load(program, tmp_path / "c", "-O0")

    back_ends_agree(compiled, drawn=graded_programs(), examples=20)


def test_loihi2_carries_the_counts_as_payloads() -> None:
    accepted = 0

    def check(data: st.DataObject) -> None:
        nonlocal accepted
        program = data.draw(graded_programs())
        inputs = data.draw(inputs_for(program, program.timesteps, len(MODES)))
        try:
            run = loihi.load2(program).run(inputs, record=True)
        except Refused:
            return
        expected = reference.load(program).run(inputs, record=True)
        assert run.spikes is not None
        assert expected.spikes is not None
        for name, spikes in expected.spikes.items():
            assert_array_equal(run.spikes[name], spikes)
        assert_array_equal(run.logits, expected.logits)
        accepted += any(p.largest_sent > 1 for p in program.populations)

    holds(check, st.data(), examples=320)
    assert accepted > 8


def one_unit(levels: int = 3) -> Program:
    """One neuron with thresholds 0, 2, 4, … on one input of up to 15."""
    limits = 2 * np.arange(levels)
    return Program(
        Input(1, 15),
        (
            Population("a", 1, MultiThreshold(limits, levels), np.zeros(1), np.ones(1)),
            Population("out", 1, Integrator(), np.zeros(1), np.ones(1)),
        ),
        (
            Projection("input", "a", Dense(np.ones((1, 1)))),
            Projection("a", "out", Dense(np.full((1, 1), 5))),
        ),
        "8",
        1,
        1,
    )


def test_a_count_multiplies_the_weight() -> None:
    inputs = np.arange(6, dtype=np.uint8).reshape(1, 6, 1)
    trace = fast.load(one_unit()).run(inputs, record=True)
    assert trace.spikes is not None
    assert trace.spikes["a"][0, :, 0].tolist() == [0, 1, 1, 2, 2, 3]
    assert trace.logits[:, 0].tolist() == [0, 5, 5, 10, 10, 15]


def test_loihi1_refuses_by_name() -> None:
    with pytest.raises(Refused, match=r"a: stock neurons have no MultiThreshold; .* --unary`"):
        loihi.load1(replace(one_unit(), input=Input(1)))


def test_files_give_the_program_back(tmp_path: Path) -> None:
    def check(data: st.DataObject) -> None:
        program = data.draw(graded_programs())
        path = tmp_path / "program.nir"
        write_nir(program, path)
        stored, back = executed_arrays(program), executed_arrays(read_nir(path))
        assert stored.keys() == back.keys()
        for name, array in stored.items():
            assert_array_equal(back[name], array, name)

    holds(check, st.data(), examples=40)


def test_quantization_keeps_every_count_of_threshold_units_on_a_grid() -> None:
    """The drawn weights are multiples of 1/4; thresholds fall between two currents or on one."""

    def check(data: st.DataObject) -> None:
        network = apply_passes(data.draw(networks(kinds=("multi",))))
        inputs = data.draw(inputs_for(network, network.timesteps, len(MODES)))
        trace = reference.load(quantize(network, 8)).run(inputs, record=True)
        expected = run_hard(network, inputs)
        assert trace.spikes is not None
        for name, spikes in trace.spikes.items():
            assert_array_equal(spikes, expected.spikes[name], name)

    holds(check, st.data(), examples=60)


SHARE = "leak(np.int64(current[place + n]), share, DECAY_BITS)"
KEPT = "keep(one, values, limits, current, place, states, v, sent, begin + place)"
WHOLE = "states[v : v + one[WIDTH]] = current[place : place + one[WIDTH]]"
BUGS = {
    "one level too few": ("send", "range(1, one[LEVELS])", "range(1, one[LEVELS] - 1)"),
    "fires at equality": (
        "send",
        "compared[first + n] > values[row + n]",
        "compared[first + n] >= values[row + n]",
    ),
    "levels of the first": ("send", "limits + k * width", "limits"),
    "reset of the level before": (
        "keep",
        "values[shares + sent[out + n]]",
        "values[shares + max(np.int64(sent[out + n]) - 1, 0)]",
    ),
    "reset forgotten": ("keep", SHARE, "current[place + n]"),
    "takes the whole membrane": ("keep", SHARE, "0 if sent[out + n] else current[place + n]"),
    "threshold unit without bias": (
        "_threshold",
        "_limits(neuron, bias) - bias",
        "_limits(neuron, bias)",
    ),
    "soft unit keeps its membrane": ("log_max_lif", KEPT, WHOLE),
    "leaky unit keeps its membrane": ("lif", KEPT, WHOLE),
    "leaky unit is not saturated": ("charge", "saturate(kept + drive)", "kept + drive"),
    "ring resets the largest": (
        "released_ring",
        KEPT,
        "keep(one, values, limits, states, v, states, v, sent, begin + place)",
    ),
    "ring counts its own membrane": (
        "released_ring",
        "send(one, values, limits, states, v, sent, begin + place)",
        "send(one, values, limits, current, place, sent, begin + place)",
    ),
}


@pytest.mark.parametrize("bug", BUGS)
def test_planted_bugs_are_found(bug: str) -> None:
    within, old, new = BUGS[bug]
    planted = planted_fast((old, new, within))
    with pytest.raises(AssertionError):
        back_ends_agree(planted.load, drawn=graded_programs(), planted=True)


def test_kinds_are_drawn() -> None:
    assert GRADED == ("multi", "gradedmax", "gradedlif", "gradedreleased", "gradedpaper")


def test_active_updates_count_what_the_levels_carry() -> None:
    """Counts of 1 and 2 on weights of 2 and −1 leave a sum of 0: nothing is updated."""
    limits = np.array([0, 0, 1, 1])  # two neurons, two levels each
    program = Program(
        Input(2, 2),
        (
            Population("a", 2, MultiThreshold(limits, 2), np.zeros(2), np.ones(2)),
            Population("b", 1, Threshold(np.array([5])), np.zeros(1), np.ones(1)),
            Population("out", 1, Integrator(), np.zeros(1), np.ones(1)),
        ),
        (
            Projection("input", "a", Dense(np.eye(2))),
            Projection("a", "b", Dense(np.array([[2, -1]]))),
            Projection("b", "out", Dense(np.ones((1, 1)))),
        ),
        "8",
        1,
        1,
    )
    counter = EventCounter(program)
    inputs = np.array([[[1, 2], [2, 2]]], dtype=np.uint8)
    counter.add(inputs, fast.load(program).run(inputs, record=True))
    active = {p.name: p.active.tolist() for p in counter.events().populations}
    assert active["b"] == [0, 1]
