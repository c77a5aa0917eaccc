"""NIR graphs of other tools: every node by its equation, and time."""

import math

import nir
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from numpy.testing import assert_array_equal
from torch import nn

from support.networks.nir_graphs import STEP, full, graph, if_node, spikes_of
from support.planting import copy_of
from support.strategies.shapes import seeds
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.network.network import Input
from ultralif_deploy.network.running import run_hard
from ultralif_deploy.passes import apply_passes
from ultralif_deploy.quantization.quantize import quantize
from ultralif_deploy.readers.nir import network as nir_import
from ultralif_deploy.readers.nir.network import import_nir
from ultralif_deploy.readers.nir.neurons import Conventions
from ultralif_deploy.readers.nir.order import update_order
from ultralif_deploy.simulators.fast import simulator as fast
from ultralif_deploy.simulators.reference import simulator as reference

# Neurons, by their equations


@pytest.mark.parametrize("discretization", ["euler", "exponential"])
def test_lif_with_every_parameter(discretization):
    tau, r, leak, threshold, reset = 4.0, 1.5, -0.5, 0.6, -1.0
    node = nir.LIF(*(full(x) for x in (tau, r, leak, threshold, reset)))
    network = import_nir(
        graph("input>a>output", a=node), Conventions(1.0, discretization), timesteps=30
    )
    passed = 1 / tau if discretization == "euler" else 1 - math.exp(-1 / tau)
    inputs = (np.random.default_rng(0).random((30, 2)) < 0.9).astype(float)
    v, expected = np.full(2, leak), []
    for x in inputs:
        v = v + passed * ((leak - v) + r * x)
        spike = v > threshold
        v = np.where(spike, reset, v)
        expected.append(spike.astype(int).tolist())
    assert 5 < np.sum(expected) < 40
    assert spikes_of(network, "a", inputs) == expected


def test_cuba_lif_with_every_parameter():
    tau_syn, tau, r, leak, threshold, reset, w_in = 2.0, 5.0, 3.0, 0.25, 0.9, 0.1, 0.8
    node = nir.CubaLIF(*(full(x) for x in (tau_syn, tau, r, leak, threshold, reset, w_in)))
    network = import_nir(graph("input>a>output", a=node), STEP, timesteps=40)
    inputs = (np.random.default_rng(0).random((40, 2)) < 0.6).astype(float)
    i, v, expected = np.zeros(2), np.full(2, leak), []
    for x in inputs:
        i = i + (w_in * x - i) / tau_syn
        v = v + ((leak - v) + r * i) / tau
        spike = v > threshold
        v = np.where(spike, reset, v)
        expected.append(spike.astype(int).tolist())
    assert 5 < np.sum(expected) < 60
    assert spikes_of(network, "a", inputs) == expected


@pytest.mark.parametrize("kind", ["LI", "CubaLI", "I"])
def test_read_outs_that_do_not_spike(kind):
    inputs = np.random.default_rng(0).integers(0, 2, (9, 1, 2)).astype(float)
    i, v = np.zeros(2), np.zeros(2)
    for x in inputs[:, 0]:
        if kind == "I":
            v = v + 2 * x
        elif kind == "LI":
            v = v + ((0.5 - v) + 2 * x) / 4
        else:
            i = i + (0.8 * x - i) / 2
            v = v + (-v + 2 * i) / 4
    node = {
        "I": nir.I(full(2)),
        "LI": nir.LI(full(4), full(2), full(0.5)),
        "CubaLI": nir.CubaLI(full(2), full(4), full(2), full(0), full(0.8)),
    }[kind]
    network = import_nir(graph("input>a>output", a=node), STEP, timesteps=9)
    logits = run_hard(network, inputs).logits * network.divisor
    np.testing.assert_allclose(logits[0], v, rtol=1e-12)
    # At 8 bits one gain for both inputs is exact; what is lost is the fraction bits' rounding.
    program = quantize(apply_passes(network), 8)
    real = program.real_logits(reference.load(program).run(inputs.astype(np.uint8)).logits)
    np.testing.assert_allclose(real[0] * network.divisor, v, rtol=0, atol=0.01)


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        # u: 1.5 fires; then 0.5 − 1 + 1.5 and so on, by hand with τ → ∞ and θ = R = 1
        ("subtract", [1, 1, 1, 1]),
        ("value", [1, 1, 1, 1]),
        ("none", [1, 1, 1, 1]),
        ("late-value", [1, 0, 1, 0]),
        ("late-subtract", [1, 1, 1, 1]),
    ],
)
def test_reset_option(mode, expected):
    network = import_nir(
        graph("input>w>a>output", w=nir.Linear(np.eye(2) * 1.5), a=if_node(1.0)),
        Conventions(1.0, "euler", mode),
        timesteps=4,
    )
    found = spikes_of(network, "a", np.ones((4, 2)))
    assert [row[0] for row in found] == expected


def test_reset_by_subtraction_keeps_the_rest():
    network = import_nir(
        graph("input>w>a>output", w=nir.Linear(np.eye(2) * 0.75), a=if_node(1.0)),
        Conventions(1.0, "euler", "subtract"),
        timesteps=6,
    )
    # 0.75, 1.5 fires, 1.25 fires, 1.0, 1.75 fires, 1.5 fires
    assert [row[0] for row in spikes_of(network, "a", np.ones((6, 2)))] == [0, 1, 1, 0, 1, 1]


def test_firing_is_strict():
    network = import_nir(graph("input>a>output", a=nir.Threshold(full(1))), timesteps=1)
    assert spikes_of(network, "a", [[1.0, 2.0]]) == [[0, 1]]


# Linear nodes


def test_chains_of_linear_nodes_compose():
    rng = np.random.default_rng(0)
    w1, b1, w2, b2, s = (rng.normal(size=n) for n in ((3, 2), 3, (2, 3), 2, 2))
    g = graph(
        "input>p>q>r>a>output",
        p=nir.Affine(w1, b1),
        q=nir.Affine(w2, b2),
        r=nir.Scale(s),
        a=nir.Threshold(full(0)),
    )
    (projection,) = import_nir(g).incoming("a")
    np.testing.assert_allclose(projection.map.matrix(), s[:, None] * (w2 @ w1))
    np.testing.assert_allclose(import_nir(g).populations[0].bias, s * (w2 @ b1 + b2))


@settings(max_examples=25)
@given(seeds)
def test_convolutions_and_pools_are_those_of_torch(seed):
    rng = np.random.default_rng(seed)
    groups = int(rng.choice([1, 2]))
    channels, height, width = 2, int(rng.integers(5, 8)), int(rng.integers(5, 8))
    stride, dilation = (tuple(int(n) for n in rng.integers(1, 3, 2)) for _ in range(2))
    padding = tuple(int(n) for n in rng.integers(0, 3, 2))
    kernel = tuple(int(n) for n in rng.integers(1, 3, 2))
    weight, bias = rng.normal(size=(4, channels // groups, *kernel)), rng.normal(size=4)
    image = rng.random((1, channels, height, width))
    first = nn.functional.conv2d(
        *(torch.tensor(x) for x in (image, weight, bias)), stride, padding, dilation, groups
    )
    average = bool(rng.integers(2))
    pooled = nn.functional.avg_pool2d(first, 2, 1) * (1 if average else 4)
    pool = nir.AvgPool2d if average else nir.SumPool2d
    g = graph(
        "input>c>p>f>a>output",
        input=nir.Input(np.array([channels, height, width])),
        c=nir.Conv2d(None, weight, stride, padding, dilation, groups, bias),
        p=pool(*(np.array(x) for x in ((2, 2), (1, 1), (0, 0)))),
        f=nir.Flatten(None, 0, -1),
        a=nir.Threshold(np.zeros(1)),
    )
    network = import_nir(g, timesteps=1)
    margins = run_hard(network, image.reshape(1, 1, -1)).margins["a"]
    np.testing.assert_allclose(margins[0, 0], pooled.numpy().reshape(-1), atol=1e-12)


@pytest.mark.parametrize("padding", [1, "same", "valid"])
def test_conv1d(padding):
    rng = np.random.default_rng(0)
    weight, bias, line = rng.normal(size=(3, 2, 3)), rng.normal(size=3), rng.random((1, 2, 7))
    tensors = (torch.tensor(x) for x in (line, weight, bias))
    expected = nn.functional.conv1d(*tensors, 1, padding).numpy()
    g = graph(
        "input>c>a>output",
        input=nir.Input(np.array([2, 7])),
        c=nir.Conv1d(None, weight, 1, padding, 1, 1, bias),
        a=nir.Threshold(np.zeros(1)),
    )
    margins = run_hard(import_nir(g, timesteps=1), line.reshape(1, 1, -1)).margins["a"]
    np.testing.assert_allclose(margins[0, 0], expected.reshape(-1), atol=1e-12)


# Time


def test_an_edge_back_acts_one_timestep_later():
    g = graph("input>a>w>b>output", "b>c>a", a=if_node(), b=if_node(), w=nir.Linear(np.eye(2)))
    g.nodes["c"] = nir.Scale(full(-9))
    network = import_nir(g, STEP, timesteps=4)
    assert network.delayed() == {"b->a"}
    inputs = np.ones((4, 2))
    # The spike of b at t = 0 takes 9 from a at t = 1, whose membrane starts at 0.
    assert spikes_of(network, "a", inputs) == [[1, 1], [0, 0], [0, 0], [0, 0]]


def test_delays_are_exact_and_per_channel():
    rng = np.random.default_rng(0)
    inputs = (rng.random((12, 2)) < 0.4).astype(float)
    g = graph("input>a>d>b>output", a=if_node(), b=if_node(), d=nir.Delay(np.array([3.0, 0.0])))
    network = import_nir(g, STEP, timesteps=12)
    found = np.array(spikes_of(network, "b", inputs))
    assert_array_equal(found[3:, 0], inputs[:-3, 0])
    assert not found[:3, 0].any()
    assert_array_equal(found[:, 1], inputs[:, 1])
    program = quantize(apply_passes(network), 8)
    integer = fast.load(program).run(inputs[:, None].astype(np.uint8), record=True).spikes
    assert_array_equal(integer["b"][:, 0], found)


def test_delays_of_the_input_and_in_a_cycle():
    g = graph("input>d>a>output", d=nir.Delay(full(2)), a=if_node())
    inputs = (np.random.default_rng(1).random((9, 2)) < 0.5).astype(float)
    found = np.array(spikes_of(import_nir(g, STEP, timesteps=9), "a", inputs))
    assert_array_equal(found[2:], inputs[:-2])
    with pytest.raises(UltralifError, match="a Delay on inputs other than spikes"):
        import_nir(g, STEP, read=Input(1, 255))
    # One spike that comes back every three timesteps.
    loop = graph("input>a>output", "a>d>a", d=nir.Delay(full(3)), a=if_node())
    once = np.zeros((9, 2))
    once[0] = 1
    found = spikes_of(import_nir(loop, STEP, timesteps=9), "a", once)
    assert [row[0] for row in found] == [1, 0, 0, 1, 0, 0, 1, 0, 0]


def test_delays_in_float32_seconds_are_whole_timesteps():
    delay = np.array([0.0007, 0.1], dtype=np.float32)
    g = graph("input>a>d>b>output", a=if_node(), b=if_node(), d=nir.Delay(delay))
    network = import_nir(g, Conventions(dt=1e-4), timesteps=2)
    late = {p.name for p in network.populations if "later" in p.name}
    assert len(late) == 1000
    assert "a, 7 later" in late


def test_subgraphs_in_subgraphs_are_read_from_files(tmp_path):
    inner = graph("input>lif>output", lif=if_node())
    for _ in range(6):
        inner = graph("input>s>output", s=inner)
    path = tmp_path / "nested.nir"
    nir.write(path, inner)
    network = import_nir(path, STEP)
    assert [p.name for p in network.populations] == ["s.s.s.s.s.s.lif", "readout"]


def test_subgraphs_are_inlined():
    inner = graph("input>w>lif>output", "lif>w", w=nir.Linear(np.eye(2)), lif=if_node())
    outer = graph("input>sub>b>output", sub=inner, b=if_node())
    network = import_nir(outer, STEP)
    assert [p.name for p in network.populations] == ["sub.lif", "b", "readout"]
    assert network.delayed() == {"sub.lif->sub.lif"}


def test_parallel_branches_add_up():
    two, three = nir.Linear(2 * np.eye(2)), nir.Linear(3 * np.eye(2))
    g = graph("input>p>a>output", "input>q>a", p=two, q=three, a=nir.Threshold(full(0)))
    (projection,) = import_nir(g).incoming("a")
    assert projection.map.matrix().tolist() == [[5, 0], [0, 5]]


def test_cycles_are_cut_where_the_input_comes_in():
    sources = {"c": ["b"], "b": ["a"], "a": ["b"], "z": []}
    assert update_order(sources, ["a", "c", "z"]) == ["z", "a", "b", "c"]


def test_weights_behind_the_last_neuron_are_summed():
    g = graph("input>a>w>output", a=nir.Threshold(full(0.5)), w=nir.Affine(np.eye(2), full(1)))
    trace = run_hard(import_nir(g, timesteps=4), np.ones((4, 1, 2)))
    assert trace.logits.tolist() == [[2.0, 2.0]]


def equations_hold():
    test_lif_with_every_parameter("euler")
    test_lif_with_every_parameter("exponential")
    test_cuba_lif_with_every_parameter()


BUGS = {
    "leak left in the threshold": ("threshold - rest", "threshold + 0 * rest"),
    "leak left in the reset": (
        '{"value": reset - rest, "late-value": reset - rest, "none": n.same(0.0)}',
        '{"value": reset, "late-value": reset - rest, "none": n.same(0.0)}',
    ),
    "synaptic gain lost": (
        'if n.how.synapse == "current":\n        return synaptic, gain',
        'if n.how.synapse == "current":\n        return synaptic, n.same(1.0)',
    ),
    "gain without the timestep": (
        "self._replaced(factor, endless) * gone",
        "self.parameter(factor)",
    ),
    "exponential form is Euler's": ("-np.expm1(-how.dt / constant)", "how.dt / constant"),
    "constants exchanged": (
        'n.passed("tau_syn", "w_in")',
        'n.passed("tau_mem", "w_in")',
    ),
}


@pytest.mark.parametrize("bug", BUGS)
def test_bugs_in_the_equations_are_found(bug, monkeypatch):
    planted = copy_of("ultralif_deploy.readers.nir.neurons", BUGS[bug])
    monkeypatch.setattr(nir_import, "model_of", planted.model_of)
    with pytest.raises(AssertionError):
        equations_hold()
