"""Graded spikes as units of one bit: the same counts, the same logits, and stock back ends."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from support.commands import ultralif
from support.comparisons import holds
from support.foreign.readers import READERS, run_reader
from support.strategies.programs import programs
from support.strategies.shapes import MODES, inputs_for
from ultralif_deploy.errors import Refused
from ultralif_deploy.exporters.nir.programs import read_nir, write_nir
from ultralif_deploy.exporters.unary import to_unary
from ultralif_deploy.program.graph import INPUT, Dense, Identity, Projection
from ultralif_deploy.program.neurons import GradedLIF, Integrator, MultiThreshold, Threshold
from ultralif_deploy.program.program import Input, Population, Program
from ultralif_deploy.program.trace import Trace
from ultralif_deploy.simulators.fast import simulator as fast
from ultralif_deploy.simulators.loihi import simulator as loihi
from ultralif_deploy.simulators.reference import simulator as reference


def assert_same_counts(program: Program, unary: Program, inputs: np.ndarray) -> Trace:
    """Added up over their levels, the units send what the graded neurons send."""
    expected, found = (reference.load(p).run(inputs, record=True) for p in (program, unary))
    assert_array_equal(found.logits, expected.logits)
    assert expected.spikes is not None
    assert found.spikes is not None
    for name, counts in expected.spikes.items():
        units = found.spikes[name]
        assert units.max(initial=0) <= 1
        levels = units.shape[-1] // counts.shape[-1]
        added = units.reshape(*units.shape[:-1], levels, counts.shape[-1]).sum(axis=-2)
        assert_array_equal(added, counts, name)
    return expected


def test_drawn_programs_keep_their_logits() -> None:
    """Convolutions, groups, identities, skip and delayed projections among them."""

    def check(data: st.DataObject) -> None:
        program = data.draw(programs(kinds=("multi", "multi", "threshold")))
        inputs = data.draw(inputs_for(program, program.timesteps, len(MODES)))
        unary = to_unary(program)
        assert not any(isinstance(p.neuron, MultiThreshold) for p in unary.populations)
        assert_same_counts(program, unary, inputs)

    holds(check, st.data(), examples=60)


def graded(rng: np.random.Generator) -> Program:
    """Two layers of graded units, the second driven by an identity too."""
    limits = rng.integers(-9, 30, (2, 7 * 12))
    return Program(
        Input(9),
        (
            Population("a", 12, MultiThreshold(limits[0], 7), rng.integers(-3, 4, 12), np.ones(12)),
            Population("b", 12, MultiThreshold(limits[1], 7), np.zeros(12), np.ones(12)),
            Population("out", 4, Integrator(), np.zeros(4), np.ones(4)),
        ),
        (
            Projection(INPUT, "a", Dense(rng.integers(-6, 7, (12, 9)))),
            Projection("a", "b", Dense(rng.integers(-6, 7, (12, 12)))),
            Projection("b", "b", Identity(12)),
            Projection("b", "out", Dense(rng.integers(-6, 7, (4, 12)))),
        ),
        "4",
        5,
        5,
    )


def test_stock_neurons_run_what_was_graded(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    program, inputs = graded(rng), (rng.random((5, 20, 9)) < 0.4).astype(np.uint8)
    path = tmp_path / "program.nir"
    write_nir(program, path)
    made = ultralif("export", path, "--unary", "-o", tmp_path)
    assert made.code == 0, made.err
    unary = read_nir(tmp_path / "program-lif-unary.nir")
    expected = assert_same_counts(program, unary, inputs)
    assert expected.spikes is not None
    assert len(np.unique(expected.spikes["b"])) > 4
    with pytest.raises(Refused, match="no MultiThreshold"):
        loihi.load1(program)
    for load in (loihi.load1, loihi.load2, fast.load):
        assert_array_equal(load(unary).run(inputs).logits, expected.logits)


@pytest.mark.parametrize("reader", READERS)
def test_third_party_readers_run_the_standard_nodes(reader: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    program = graded(rng)
    chain = tuple(p for p in program.projections if p.name != "b->b")
    program = Program(program.input, program.populations, chain, "4", 5, 5)
    inputs = (rng.random((5, 20, 9)) < 0.4).astype(np.uint8)
    unary = to_unary(program)
    write_nir(unary, tmp_path / "unary.nir", READERS[reader].flavours[0])
    expected = assert_same_counts(program, unary, inputs)
    arriving, spikes = run_reader(reader, tmp_path / "unary.nir", inputs, ["a", "b"])
    assert_array_equal(arriving.sum(axis=0), expected.logits)
    assert expected.spikes is not None
    for name, counts in expected.spikes.items():
        assert_array_equal(spikes[name].reshape(5, 20, 7, 12).sum(axis=2), counts)


def test_levels_of_one_membrane_are_refused_by_name(tmp_path: Path) -> None:
    model = GradedLIF(np.zeros(3), np.zeros(1), np.full(3, 9), 3)
    program = Program(
        Input(1),
        (
            Population("a", 1, model, np.zeros(1), np.ones(1)),
            Population("out", 1, Integrator(), np.zeros(1), np.ones(1)),
        ),
        (
            Projection(INPUT, "a", Dense(np.ones((1, 1)))),
            Projection("a", "out", Dense(np.ones((1, 1)))),
        ),
        "8",
        1,
        1,
    )
    write_nir(program, tmp_path / "program.nir")
    made = ultralif("export", tmp_path / "program.nir", "--unary", "-o", tmp_path / "out")
    assert made.code == 1
    assert "a: up to 3 spikes of a GradedLIF in one timestep come from one membrane" in made.err
    assert not (tmp_path / "out").exists()


def test_programs_of_one_bit_stay_as_they_are() -> None:
    program = Program(
        Input(1),
        (
            Population("a", 2, Threshold(np.zeros(2)), np.zeros(2), np.ones(2)),
            Population("out", 2, Integrator(), np.zeros(2), np.ones(2)),
        ),
        (Projection(INPUT, "a", Dense(np.ones((2, 1)))), Projection("a", "out", Identity(2))),
        "8",
        1,
        1,
    )
    unary = to_unary(program)
    assert unary.populations == program.populations
    assert [p.map for p in unary.projections] == [p.map for p in program.projections]
