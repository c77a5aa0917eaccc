"""Constant neurons go and nothing else changes; bounds by hand, and each reason to stay."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

import ultralif_deploy as ul
from support.comparisons import assert_same_spikes, holds, neurons_left
from support.strategies.shapes import inputs_for, seeds
from ultralif_deploy.data import Split
from ultralif_deploy.data.encoders import Encoder
from ultralif_deploy.network.network import Input, Network, Population, dense
from ultralif_deploy.network.neurons import LIF, Integrator, Threshold, TropicalLIF, UltraDLIF
from ultralif_deploy.network.running import run_hard
from ultralif_deploy.passes import apply_passes
from ultralif_deploy.passes.remove_constant import remove_constant, spike_bounds
from ultralif_deploy.program.convolution import Conv2d
from ultralif_deploy.program.graph import Dense, Identity, Projection
from ultralif_deploy.quantization.quantize import quantize
from ultralif_deploy.soft.checkpoint_file import save
from ultralif_deploy.soft.hardening import harden
from ultralif_deploy.soft.network import Architecture, SoftNetwork
from ultralif_deploy.verify.accuracy.forms import Chain
from ultralif_deploy.verify.measuring import measure

NEVER, FREE, ALWAYS = (0, 0), (0, 1), (1, 1)


def units(name, thresholds, bias=None, inclusive=True):
    theta = np.array(thresholds, dtype=float)
    bias = np.zeros(len(theta)) if bias is None else np.array(bias, dtype=float)
    return Population(name, len(theta), Threshold(theta, inclusive), bias)


def readout(size=1):
    return Population("out", size, Integrator(), np.zeros(size))


def kept(network, name="a"):
    return neurons_left(network, name).tolist()


# By hand


def three():
    """Neurons that never fire, fire by the second input, and always fire; inputs 0 or 1."""
    return Network(
        Input(2),
        (units("a", [0.5, 0.5, 0.5], [0.0, 0.0, 2.0]), units("b", [1.0, 3.5]), readout()),
        (
            dense("input", "a", [[-1.0, 0.25], [0.0, 1.0], [-1.0, 0.5]]),
            dense("a", "b", [[8.0, 0.5, 0.5], [9.0, 1.0, 2.0]]),
            dense("a", "out", [[1.0, 2.0, 4.0]]),
            dense("b", "out", [[8.0, 16.0]]),
        ),
        2,
        2,
    )


def test_neurons_that_never_or_always_fire():
    network = three()
    bounds = {name: tuple(map(tuple, b.T)) for name, b in spike_bounds(network).items()}
    assert bounds["a"] == (NEVER, FREE, ALWAYS)
    # Without the first and with the third: 0.5 to 1.0 against 1.0, and 2 to 3 against 3.5.
    assert bounds["b"] == (FREE, NEVER)
    rewritten = remove_constant(network)
    a, b, out = rewritten.populations
    assert (kept(rewritten, "a"), kept(rewritten, "b")) == ([1], [0])
    assert (a.size, b.bias.tolist(), out.bias.tolist()) == (1, [0.5], [4.0])
    weights = {p.name: p.map.matrix().tolist() for p in rewritten.projections}
    assert weights == {
        "input->a": [[0.0, 1.0]],
        "a->b": [[0.5]],
        "a->out": [[2.0]],
        "b->out": [[8.0]],
    }
    values = np.array([[[0, 0], [0, 1], [1, 0], [1, 1]]] * 2, dtype=np.uint8)
    logits, expected = assert_same_spikes(network, rewritten, values)
    assert_array_equal(logits, expected)
    assert remove_constant(rewritten) is rewritten


def test_the_largest_input_counts():
    network = three()
    wide = replace(network, input=Input(2, maximum=255))
    assert kept(remove_constant(wide)) == [0, 1, 2]


def ready(neuron, bias=0.0):
    """Bounds of the spike of one neuron that gets 0 to 1, and the bias."""
    network = Network(
        Input(1),
        (Population("a", 1, neuron, np.array([bias])), readout()),
        (dense("input", "a", [[1.0]]), dense("a", "out", [[1.0]])),
        3,
        3,
    )
    return tuple(spike_bounds(network)["a"][:, 0])


def arrays(*values):
    return [np.array([float(v)]) for v in values]


def tropical(threshold, decay, reset=0.0, initial=0.0):
    return TropicalLIF(*arrays(threshold, decay, reset, initial), True)


def lif(threshold, tau, mode="value", reset=0.0):
    threshold, tau, reset = arrays(threshold, tau, reset)
    return LIF(threshold, tau, True, reset, mode)


@pytest.mark.parametrize(
    ("neuron", "bias", "expected"),
    [
        (Threshold(np.array([1.0]), True), 0.0, FREE),
        (Threshold(np.array([1.0]), False), 0.5, FREE),
        (Threshold(np.array([1.125]), True), 0.0, NEVER),
        (Threshold(np.array([0.5]), True), 0.75, ALWAYS),
        (tropical(1.5, 0.25), 0.0, NEVER),
        (tropical(1.5, -0.25), 0.0, FREE),  # the membrane grows
        (tropical(0.0, -0.25), -3.0, ALWAYS),  # it grows past the threshold, whatever the input
        (tropical(0.0, -0.25, reset=-1.0), -3.0, FREE),
        (tropical(1.5, 0.25, initial=2.0), 0.0, FREE),
        (tropical(1.0, 0.25, reset=2.0, initial=2.0), 0.0, ALWAYS),
        (tropical(0.5, 0.25), 0.75, ALWAYS),
        (lif(2.5, 0.5), 0.0, NEVER),  # 1 + 1/2 + 1/4 + … stays below 2
        (lif(1.75, 0.5), 0.0, FREE),
        (lif(9.0, 1.0), 0.0, FREE),
        (lif(0.25, 1.0), -2.0, NEVER),
        (lif(-0.25, 0.5), -2.0, FREE),
        (lif(0.5, 0.5), 0.75, ALWAYS),
        (lif(0.5, 0.5, reset=-1.0), 0.75, FREE),  # 0.75 − 0.5 after a spike
        (lif(0.5, 0.5, reset=-1.0), 1.25, ALWAYS),
        (lif(0.5, 0.5, "subtract", reset=2.0), 1.0, FREE),  # 1 − (2 − 0.5)/2 after a spike
        (lif(0.5, 0.5, "subtract", reset=2.0), 1.5, ALWAYS),
        (lif(0.5, 0.5, "none"), 0.75, ALWAYS),
        (lif(0.5, 0.5, "late-value"), 0.75, FREE),
        (lif(2.5, 0.5, "late-subtract"), 0.0, NEVER),
    ],
)
def test_bounds_of_a_membrane(neuron, bias, expected):
    assert ready(neuron, bias) == expected


def test_rounding_is_allowed_for():
    """The currents 0.1 + 0.2 and 0.3 are not the same; a proof must not depend on it."""
    for theta in (0.3, 0.1 + 0.2):
        network = Network(
            Input(2),
            (units("a", [theta, 0.4, 0.4]), readout()),
            (
                dense("input", "a", [[0.1, 0.2], [0.1, 0.2], [1.0, 1.0]]),
                dense("a", "out", np.ones((1, 3))),
            ),
            1,
            1,
        )
        assert kept(remove_constant(network)) == [0, 2]


# Channels and their borders


def convolutional(bias):
    """Three channels of 3 × 3 from one, then a convolution with a border and a matrix."""
    rng = np.random.default_rng(0)
    bias = np.broadcast_to(bias, (9, 3)).T.reshape(-1)
    return Network(
        Input(9),
        (units("a", np.full(27, 0.5), bias), units("b", np.full(18, 1.0)), readout(2)),
        (
            Projection("input", "a", Conv2d(np.ones((3, 1, 1, 1)), (1, 3, 3))),
            Projection(
                "a",
                "b",
                Conv2d(rng.integers(-4, 5, (2, 3, 3, 3)) / 4, (3, 3, 3), padding=(1, 1)),
            ),
            dense("a", "out", rng.integers(-4, 5, (2, 27)) / 4),
            dense("b", "out", rng.integers(-4, 5, (2, 18)) / 4),
        ),
        2,
        2,
    )


def test_channels_go_as_a_whole():
    network = convolutional([-3.0, 0.0, 3.0])
    rewritten = remove_constant(network)
    assert kept(rewritten) == list(range(9, 18))
    folded = rewritten.populations[1].bias.reshape(2, 9)
    assert folded[0, 4] != folded[0, 0]  # the kernel hangs over the border
    shapes = {p.name: p.map.matrix().shape for p in rewritten.projections}
    assert shapes["a->b"] == (18, 9)
    values = np.random.default_rng(1).integers(0, 2, (2, 60, 9)).astype(np.uint8)
    logits, expected = assert_same_spikes(network, rewritten, values)
    assert_array_equal(logits, expected)


def test_a_channel_with_one_free_position_stays():
    bias = np.tile([-3.0, 0.0, 3.0], (9, 1))
    bias[4, 0] = 0.0
    bias[0, 2] = -3.0  # a channel whose positions are constant, each in its own way, goes
    network = convolutional(bias)
    rewritten = remove_constant(network)
    assert kept(rewritten) == list(range(18))
    values = np.random.default_rng(1).integers(0, 2, (2, 60, 9)).astype(np.uint8)
    logits, expected = assert_same_spikes(network, rewritten, values)
    assert_array_equal(logits, expected)


# Reasons to stay


def test_late_spikes_are_no_constant():
    network = three()
    loop = dense("a", "a", np.diag([0.125, 0.0, 1.0]))
    late = remove_constant(replace(network, projections=(*network.projections, loop)))
    assert kept(late) == [1, 2]  # the first never fires, late or not
    # A neuron that fires because the one before it always did is silent at the first timestep.
    follower = Network(
        Input(1),
        (units("a", [0.5]), units("b", [0.5, 0.5], [3.0, 0.0]), readout()),
        (dense("b", "a", [[1.0, 0.0]]), dense("input", "b", [[0.0], [1.0]]), *outputs("a", "b")),
        3,
        3,
    )
    assert tuple(spike_bounds(follower)["a"][:, 0]) == FREE
    assert run_hard(follower, np.zeros((3, 1, 1), np.uint8)).spikes["a"].ravel().tolist() == [
        False,
        True,
        True,
    ]


def outputs(*names):
    sizes = {"a": 1, "b": 2}
    return [dense(name, "out", np.ones((1, sizes[name]))) for name in names]


def ring(network):
    neuron = UltraDLIF(np.full(3, 0.5), np.zeros(3), "released", True)
    return replace(network.populations[0], neuron=neuron)


def test_neighbours_on_a_ring_see_each_other():
    network = three()
    rewritten = remove_constant(
        replace(network, populations=(ring(network), *network.populations[1:]))
    )
    assert kept(rewritten) == [0, 1, 2]


def test_identities_and_groups_keep_their_neurons():
    network = three()
    first, *_ = network.projections
    a, _, out = network.populations
    for linear in (Identity(3), Conv2d(np.ones((3, 1, 1, 1)), (3, 1, 1), groups=3)):
        chain = replace(
            network,
            populations=(a, units("b", [0.5] * 3), out),
            projections=(first, Projection("a", "b", linear), dense("b", "out", np.ones((1, 3)))),
        )
        rewritten = remove_constant(chain)
        assert (kept(rewritten, "a"), kept(rewritten, "b")) == ([0, 1, 2], [0, 1, 2])


def test_no_population_is_left_empty():
    network = three()
    constant = replace(network.populations[0], bias=np.array([-9.0, 9.0, -9.0]))
    network = replace(network, populations=(constant, *network.populations[1:]))
    rewritten = remove_constant(network)
    assert kept(rewritten) == [0]
    values = np.zeros((2, 1, 2), np.uint8)
    logits, expected = assert_same_spikes(network, rewritten, values)
    assert_array_equal(logits, expected)


def test_the_network_before_folding_is_left_alone():
    network = three()
    for read in (Input(2, scale=0.5), Input(2, offset=-1.0)):
        unfolded = replace(network, input=read)
        assert remove_constant(unfolded) is unfolded


# Trained networks with dead and saturated neurons


def damaged(seed, kind="ultratplif"):
    """A soft network, two layers of 6, of whose neurons a half is pruned, dead or saturated."""
    network = SoftNetwork(Architecture((5, 6, 6, 3), kind, batch_norm=True, theta=0.25), seed)
    rng = np.random.default_rng(seed)
    with torch.no_grad():
        for norm, linear in ((network.bn1, network.fc1), (network.bn2, network.fc2)):
            chosen = rng.permutation(6)[:3]
            linear.weight[chosen[0]] = 0.0
            norm.bias[chosen[1]] = -9.0
            norm.bias[chosen[2]] = 9.0
    return network.eval()


def test_networks_with_dead_and_saturated_neurons():
    left = []

    def check(data):
        network = damaged(data.draw(seeds))
        hard = harden(network, Encoder(data.draw(st.sampled_from(("rate", "constant"))), 3))
        values = data.draw(inputs_for(hard, 3, 6))
        rewritten = apply_passes(hard)
        left.append([p.size for p in rewritten.populations])
        logits, expected = assert_same_spikes(hard, rewritten, values)
        np.testing.assert_allclose(logits, expected, rtol=0, atol=1e-9)

    holds(check, st.data(), examples=60)
    assert {sizes[2] for sizes in left} == {3}
    assert np.mean([sizes[:2] for sizes in left]) <= 3.2


def test_agreement_is_that_of_the_neurons_left():
    """Removed neurons leave the comparison with the soft network in step."""
    soft, encoder = damaged(3), Encoder("rate", 4)
    x = np.random.default_rng(0).random((40, 5))
    naive = harden(soft, encoder)
    measured = {}
    for skip in ((), ("remove-constant",)):
        hard = apply_passes(naive, skip)
        chain = Chain(soft, naive, hard, quantize(hard, 8))
        report, _ = measure(chain, Split(x, None), encoder, ul.EventCounter(chain.program))
        measured[skip] = report["populations"]
        for name, population in report["populations"].items():
            assert population["neurons_trained"] == 6
            assert population["agreement_integer_hard"] > 0.95, name
    ((_, values),) = encoder.blocks(x)
    inputs = torch.from_numpy(values).float()
    hard = apply_passes(naive)
    integer = run_hard(hard, values).spikes
    for name, population in measured[()].items():
        assert population["neurons"] == len(kept(hard, name)) < 6
        of_soft = soft(inputs).spikes[name].detach().numpy()[..., kept(hard, name)]
        expected = np.mean((of_soft > 0.5) == integer[name])
        assert abs(population["agreement_integer_soft"] - expected) < 0.05
        assert population["spike_rate_soft"] == pytest.approx(of_soft.mean(), rel=1e-6)


def test_dense_maps_are_cut_on_both_sides():
    network = remove_constant(three())
    assert all(isinstance(p.map, Dense) for p in network.projections)
    assert [p.map.matrix().shape for p in network.projections] == [(1, 2), (1, 1), (1, 1), (1, 1)]


def test_reports_tell_what_was_removed(tmp_path):
    network = SoftNetwork(Architecture((64, 12, 10), "ultratplif"))
    with torch.no_grad():
        network.fc1.bias[:4] = -99.0
        network.fc1.bias[4] = 99.0
    path = tmp_path / "net_T2.pt"
    save(path, network, {}, {"timesteps": 2})
    settings = ul.Settings(data="digits", limit=40)
    annealing = ul.AnnealOptions(epochs=1)
    report = ul.deploy(path, tmp_path / "out", settings, anneal=annealing, certified_samples=5)
    assert all(result["exact"] for result in report["backends"].values())
    neurons = {row["pass"]: row["neurons"] for row in report["passes"]}
    assert (neurons["fold-input"], neurons["remove-constant"]) == (22, 17)
    assert sum(p["size"] for p in report["program"]["populations"]) == 17
    (population,) = report["populations"].values()
    assert (population["neurons"], population["neurons_trained"]) == (7, 12)
