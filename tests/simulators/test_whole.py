"""Programs that run in one compiled call are the reference to the bit."""

import numpy as np
import pytest

from support.comparisons import assert_same_trace, back_ends_agree
from support.strategies.programs import programs
from support.strategies.second_order import SPIKING
from support.strategies.shapes import GRADED
from support.vector_comparisons import (
    lanes_are_exact,
    products_are_exact,
    wholes_are_exact,
    wholes_stop_exactly,
)
from ultralif_deploy.program.graph import INPUT, Conv2d, Dense, Identity, Projection
from ultralif_deploy.program.neurons import LIF, Integrator, Threshold
from ultralif_deploy.program.program import Input, Population, Program
from ultralif_deploy.program.resets import RESETS
from ultralif_deploy.simulators.fast import leaky_lanes, product_tiles
from ultralif_deploy.simulators.fast import simulator as fast
from ultralif_deploy.simulators.fast.whole import laying, models, whole
from ultralif_deploy.simulators.reference import simulator as reference


@pytest.mark.parametrize("largest", [1, 31, 32, 255])
def test_products_of_bytes_are_exact_by_all_instructions(largest):
    for instruction in product_tiles.instructions():
        products_are_exact(product_tiles, instruction, largest)


def test_lanes_are_exact_at_the_extremes():
    lanes_are_exact(leaky_lanes)


def test_programs_are_exact_around_tiles_and_blocks():
    wholes_are_exact(whole)
    wholes_stop_exactly(whole)


@pytest.mark.parametrize("share", [0, 1])
@pytest.mark.parametrize("shape", ["chain", "images", "graph"])
def test_drawn_programs_equal_the_reference(monkeypatch, share, shape):
    taken = set()

    def loaded(program):
        made = fast.load(program)
        if made.whole is not None:
            made.ways = [made._by_whole]
            taken.update(type(p.neuron) for p in program.populations)
            taken.update(type(p.map) for p in program.projections)
            taken.update(["delayed"] if program.delayed else [])
        return made

    monkeypatch.setattr(laying, "EVENT_SHARE", share)
    graph = shape == "graph"
    for kinds, readouts in (
        (("threshold", "lif"), ("integrator", "li")),
        (("cubalif",), ("cubali",)),
        (("released", "logmax", "paper", "tropical"), ("integrator",)),
        (GRADED, ("integrator", "li")),
        (SPIKING, ("leaky_sum",)),
    ):
        drawn = programs(
            kinds=kinds,
            delayed=graph,
            chain=not graph,
            images=None if graph else shape == "images",
            readouts=readouts,
        )
        back_ends_agree(loaded, drawn=drawn, examples=180 if graph else 130)
    assert set(models.MODELS) | {Dense} <= taken
    assert (Conv2d in taken) == (shape != "chain")
    assert ({Identity, "delayed"} <= taken) == graph


def images_program(channels, neuron_of, rng):
    """Two convolutions with padding in between, behind graded inputs."""
    first = Conv2d(_weights(rng, (channels, 3, 3, 2)), (3, 6, 7), (1, 2), (1, 0))
    second = Conv2d(_weights(rng, (5, channels, 2, 3)), first.output_shape, (2, 1), (1, 2), (1, 2))
    maps = (first, second, Dense(_weights(rng, (4, second.target_size))))
    names, source = ("a", "b", "readout"), INPUT
    populations, projections = [], []
    for name, linear in zip(names, maps, strict=True):
        size = linear.target_size
        neuron = Integrator() if name == "readout" else neuron_of(size)
        populations.append(Population(name, size, neuron, np.arange(size) % 5, np.ones(size)))
        projections.append(Projection(source, name, linear))
        source = name
    return Program(Input(126, 255), tuple(populations), tuple(projections), "8", 3, 3)


def _weights(rng, shape):
    return rng.integers(-128, 128, shape).astype(np.int8)


@pytest.mark.parametrize("channels", [8, 33, 80])
def test_convolutions_of_every_tile_size_are_exact(channels):
    rng = np.random.default_rng(channels)

    def threshold(size):
        return Threshold(rng.integers(-5000, 5000, size))

    def leaky(size):
        mode = list(RESETS)[channels % len(RESETS)]
        values = 64 * rng.integers(-5000, 5000, size), rng.integers(0, 4097, size)
        return LIF(*values, 64 * rng.integers(0, 500, size), mode, membrane_bits=27)

    for neuron_of in (threshold, leaky):
        program = images_program(channels, neuron_of, rng)
        inputs = rng.integers(0, 256, (3, 2, 126)).astype(np.uint8)
        executable = fast.load(program)
        assert executable.whole is not None
        executable.ways = [executable._by_whole]
        expected = reference.load(program).run(inputs, record=True)
        assert 0.1 < expected.spikes["b"].mean() < 0.9
        assert_same_trace(executable.run(inputs, record=True), expected)
        executed = executable.executed()
        assert all(np.array_equal(executed[p.name], p.map.weight) for p in program.projections)


def test_membranes_that_pass_32_bits_take_no_lanes():
    def program(membrane_bits, decay_bits, most):
        neuron = LIF(
            np.array([9]),
            np.array([1]),
            np.array([1]),
            "subtract",
            decay_bits,
            membrane_bits,
            6,
            most,
        )
        populations = (
            Population("h", 1, neuron, np.zeros(1), np.ones(1)),
            Population("out", 1, Integrator(), np.zeros(1), np.ones(1)),
        )
        projections = (
            Projection(INPUT, "h", Dense(np.array([[5]]))),
            Projection("h", "out", Dense(np.array([[1]]))),
        )
        return Program(Input(1, 1), populations, projections, "8", 3, 3)

    assert whole.runs(program(31, 15, 1))
    assert not whole.runs(program(32, 15, 1))
    assert not whole.runs(program(31, 16, 1))
    assert not whole.runs(program(31, 15, 2))
