"""Populations that hear each other run in blocks as long as their loops, and hear the same."""

from dataclasses import dataclass

import nir
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

import ultralif_deploy as ul
from ultralif_deploy.program.graph import Identity, Projection
from ultralif_deploy.program.stages import Stage, stages
from ultralif_deploy.readers.nir.neurons import Conventions
from ultralif_deploy.simulators.streams import Memory, initial_memory

TIMESTEPS = 23


@dataclass(frozen=True)
class Named:
    name: str


def staged(count: int, edges: set[tuple[int, int]]) -> tuple[Stage, ...]:
    """Stages of populations 0, 1, …; an edge that does not lead forward is one timestep late."""
    projections = [Projection(f"p{a}", f"p{b}", Identity(1)) for a, b in sorted(edges)]
    return stages([Named(f"p{i}") for i in range(count)], projections)


def checked(stage: Stage, edges: set[tuple[int, int]], timesteps: int) -> None:
    """Run a stage's windows: nothing is heard before it was sent, and all timesteps run once."""
    done = dict.fromkeys(stage.populations, 0)
    for name, window in stage.windows(timesteps):
        assert window.start == done[name] < window.stop
        for a, b in edges:
            if f"p{b}" == name and f"p{a}" in done and a != b:
                assert done[f"p{a}"] >= window.stop - (a >= b)
            elif f"p{b}" == name and a == b:
                assert window.stop - window.start == 1
        done[name] = window.stop
    assert set(done.values()) == {timesteps}


@given(
    count=st.integers(1, 7),
    edges=st.sets(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=14),
    timesteps=st.integers(1, 9),
)
@settings(max_examples=150)
def test_nothing_is_heard_before_it_was_sent(
    count: int, edges: set[tuple[int, int]], timesteps: int
) -> None:
    here = {(a, b) for a, b in edges if a < count and b < count}
    found = staged(count, here)
    assert sorted(name for stage in found for name in stage.populations) == [
        f"p{i}" for i in range(count)
    ]
    for stage in found:
        if stage.loops:
            checked(stage, here, timesteps)


def line(length: int) -> set[tuple[int, int]]:
    """A loop through population `length`, whose spikes come back along the others before it."""
    return {(i, i - 1) for i in range(1, length + 1)} | {(0, length)}


@pytest.mark.parametrize("length", [1, 2, 5, 40])
def test_a_block_is_as_long_as_the_shortest_loop(length: int) -> None:
    (stage,) = staged(length + 1, line(length))
    assert stage.block == length
    (stage,) = staged(length + 1, line(length) | {(length, length)})
    assert stage.block == 1
    if length > 2:
        (stage,) = staged(length + 1, line(length) | {(1, length)})
        assert stage.block == length - 1


def graph(delays: tuple[int, int], size: int = 5) -> nir.NIRGraph:
    """Neurons that hear themselves late, twice."""
    rng, ones = np.random.default_rng(3), np.ones(size)
    nodes = {
        "input": nir.Input(np.array([size])),
        "fc": nir.Linear(rng.integers(-2, 4, (size, size)).astype(float)),
        "a": nir.IF(ones, 4 * ones, 0 * ones),
        "output": nir.Output(np.array([size])),
    }
    edges = [("input", "fc"), ("fc", "a"), ("a", "output")]
    for i, delay in enumerate(delays):
        nodes |= {f"d{i}": nir.Delay(delay * ones)}
        nodes |= {f"w{i}": nir.Linear(rng.integers(-3, 4, (size, size)).astype(float))}
        edges += [("a", f"d{i}"), (f"d{i}", f"w{i}"), (f"w{i}", "a")]
    return nir.NIRGraph(nodes, edges, type_check=False)


@pytest.mark.parametrize("delays", [(4, 9), (1, 6), (3, 3)])
def test_long_loops_fire_what_single_timesteps_do(delays: tuple[int, int]) -> None:
    made = graph(delays)
    inputs = (np.random.default_rng(1).random((TIMESTEPS, 6, 5)) < 0.3).astype(np.uint8)
    weight = [made.nodes[name].weight for name in ("fc", "w0", "w1")]
    sent, v = np.zeros((TIMESTEPS, 6, 5)), np.zeros((6, 5))
    for t in range(TIMESTEPS):
        v = v + inputs[t] @ weight[0].T
        for delay, back in zip(delays, weight[1:], strict=True):
            v = v + (sent[t - delay] @ back.T if t >= delay else 0)
        sent[t] = v > 4
        v = np.where(v > 4, 0, v)
    network = ul.import_nir(made, Conventions(dt=1.0), timesteps=TIMESTEPS)
    assert sent.any()
    assert_array_equal(ul.run_hard(network, inputs).spikes["a"], sent)
    program = ul.quantize(ul.apply_passes(network), 8)
    assert max(stage.block for stage in program.stages) == min(delays)
    traces = [ul.load_on(name, program).run(inputs, record=True) for name in ("reference", "fast")]
    assert traces[1].digests() == traces[0].digests()
    assert traces[0].spikes is not None
    assert_array_equal(traces[0].spikes["a"], sent)


def test_a_run_goes_on_where_it_stopped() -> None:
    """As samples do that may stop early: the spikes on their way come in the next part."""
    network = ul.import_nir(graph((4, 9)), Conventions(dt=1.0), timesteps=TIMESTEPS)
    program = ul.quantize(ul.apply_passes(network), 8)
    inputs = (np.random.default_rng(2).random((TIMESTEPS, 3, 5)) < 0.3).astype(np.uint8)
    simulator = ul.load_on("fast", program)
    whole = simulator.run(inputs, record=True).spikes
    memory: Memory = initial_memory(program, 3)
    parts = [simulator._by_population(x, True, memory).spikes for x in np.split(inputs, [1, 6, 14])]
    for name, spikes in whole.items():
        assert_array_equal(np.concatenate([part[name] for part in parts]), spikes)
