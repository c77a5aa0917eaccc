"""snnTorch modules: every reset mechanism, spike for spike with snnTorch's own run in float64."""

import numpy as np
import pytest
import snntorch as snn
import torch
from numpy.testing import assert_array_equal
from torch import nn

from support.foreign.frameworks import double_spikes, run_recorded
from support.planting import copy_of
from ultralif_deploy import from_snntorch
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.network.neurons import CubaLIF
from ultralif_deploy.network.neurons.model import FiringNeuron
from ultralif_deploy.network.running import run_hard
from ultralif_deploy.passes import apply_passes
from ultralif_deploy.quantization.quantize import quantize
from ultralif_deploy.simulators.fast import simulator as fast
from ultralif_deploy.simulators.reference import simulator as reference

KINDS = ("leaky", "synaptic", "all to all", "one to one")
NEURONS = (snn.Leaky, snn.Synaptic, snn.RLeaky)


def neuron(rng, kind, size, mechanism, late):
    how = {
        "threshold": torch.tensor(rng.uniform(0.2, 0.6, size)),
        "reset_mechanism": mechanism,
        "reset_delay": late,
        "init_hidden": True,
        "spike_grad": double_spikes,
    }
    beta = torch.tensor(rng.uniform(0.3, 1.1, size))  # snnTorch clips it to 1
    if kind == "leaky":
        return snn.Leaky(beta, **how)
    if kind == "synaptic":
        return snn.Synaptic(torch.tensor(rng.uniform(0, 0.9, size)), beta, **how)
    if kind == "all to all":
        return snn.RLeaky(beta, linear_features=size, **how)
    return snn.RLeaky(beta, V=torch.tensor(rng.normal(size=size)), all_to_all=False, **how)


def drawn(seed, kind, mechanism, late, conv=False):
    """A random net of one kind of neuron, and binary inputs [time, batch, …]."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    front = [nn.Linear(12, 9)]
    shape = (12,)
    if conv:
        shape = (2, 6, 6)
        pooled = snn.Leaky(
            0.7, 0.2, double_spikes, init_hidden=True, reset_mechanism=mechanism, reset_delay=late
        )
        front = [nn.Conv2d(2, 3, 3, padding=1), nn.AvgPool2d(2), pooled, nn.Flatten()]
        front.append(nn.Linear(27, 9))
    middle = neuron(rng, kind, 9, mechanism, late)
    net = nn.Sequential(*front, middle, nn.Linear(9, 5), neuron(rng, kind, 5, mechanism, late))
    return net.double(), rng.random((25, 6, *shape)) < 0.5


def spikes_agree(run, nets):
    """Float spikes are snnTorch's; every net fires."""
    for net, inputs in nets:
        expected = run_recorded(net, NEURONS, inputs, net)
        network = from_snntorch(net, inputs.shape[2:], timesteps=len(inputs))
        spikes = run(network, inputs.reshape(*inputs.shape[:2], -1)).spikes
        assert set(spikes) == set(expected)
        for name, meant in expected.items():
            assert meant.any(), name
            assert_array_equal(spikes[name], meant, name)


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("mechanism", ["subtract", "zero", "none"])
@pytest.mark.parametrize("kind", KINDS)
def test_spikes_are_those_of_snntorch(kind, mechanism, late):
    spikes_agree(run_hard, [drawn(seed, kind, mechanism, late, seed == 1) for seed in range(2)])


HARD = {
    "late subtraction at once": ('mode in ("late-subtract", "immediate-subtract")', "False"),
    "late zero at once": ('mode == "late-value"', "False"),
    "reset by subtraction forgotten": ("u = whole - reset * spike", "u = whole"),
    "reset twice": ("u = whole - reset * spike", "u = u - reset * spike"),
}


@pytest.mark.parametrize("bug", HARD)
def test_bugs_in_the_resets_are_found(bug, monkeypatch):
    planted = copy_of("ultralif_deploy.network.neurons.model", HARD[bug])
    reset = planted.FiringNeuron.fire_and_reset
    monkeypatch.setattr(FiringNeuron, "fire_and_reset", reset)
    bugs_are_found()


def test_a_synapse_of_the_timestep_before_is_found(monkeypatch):
    planted = copy_of(
        "ultralif_deploy.network.neurons.cuba_lif",
        ("self.tau * v + synapse", "self.tau * v + current"),
    )
    monkeypatch.setattr(CubaLIF, "step", planted.CubaLIF.step)
    bugs_are_found()


def bugs_are_found():
    """Drawn networks tell today's float models from snnTorch's."""
    nets = [
        drawn(seed, kind, mechanism, late)
        for seed in range(2)
        for kind in ("leaky", "synaptic")
        for mechanism in ("subtract", "zero")
        for late in (False, True)
    ]
    with pytest.raises((AssertionError, UltralifError)):  # the reader compares as well
        spikes_agree(run_hard, nets)


@pytest.mark.parametrize("kind", KINDS)
def test_integer_programs_are_exact_and_close(kind):
    net, inputs = drawn(0, kind, "subtract", True)
    network = from_snntorch(net, timesteps=25)
    flat = inputs.astype(np.uint8)
    program = quantize(apply_passes(network), 8, flat)
    expected = reference.load(program).run(flat, record=True)
    assert fast.load(program).run(flat, record=True).digests() == expected.digests()
    floating = run_hard(network, flat)
    for name, spikes in floating.spikes.items():
        assert (spikes == expected.spikes[name]).mean() > 0.9


class Nested(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(3, 4, bias=False)
        self.lif = snn.Leaky(0.5, init_hidden=True)
        self.rest = nn.Sequential(nn.Dropout(0.5), nn.Linear(4, 2))

    def forward(self, x):
        return self.rest(self.lif(self.first(x)))


def test_modules_in_modules_and_weighted_outputs():
    network = from_snntorch(Nested(), timesteps=7)
    assert [(p.name, p.size) for p in network.populations] == [("lif", 4), ("readout", 2)]
    assert network.divisor == network.timesteps == 7


def layers(*modules):
    return nn.Sequential(*modules)


def leaky(**options):
    return snn.Leaky(0.5, init_hidden=True, **options)


def repeated():
    lif = leaky()
    return layers(nn.Linear(2, 2), lif, nn.Linear(2, 2), lif)


@pytest.mark.filterwarnings("ignore:Inhibition is an unstable feature")
@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda: layers(nn.Linear(2, 2), nn.ReLU()), "1: a ReLU; expected Linear"),
        (
            lambda: layers(nn.Linear(2, 2), snn.Alpha(0.9, 0.5, init_hidden=True)),
            "1: a Alpha; expected Linear",
        ),
        (lambda: layers(nn.Linear(2, 2), nn.LayerNorm(2)), "1: a LayerNorm; expected Linear"),
        (
            lambda: layers(nn.Linear(2, 2), nn.BatchNorm1d(2, track_running_stats=False)),
            "1: a BatchNorm1d with track_running_stats=False takes mean and",
        ),
        (lambda: layers(nn.Linear(2, 2), leaky(inhibition=True)), "1: inhibition is on"),
        (lambda: layers(nn.Linear(2, 2), leaky(state_quant=torch.round)), "1: state_quant is on"),
        (
            lambda: layers(nn.Linear(2, 2), leaky(graded_spikes_factor=torch.tensor([0.0, 2.0]))),
            "1: graded_spikes_factor is 0 or not finite",
        ),
        (
            lambda: layers(
                nn.Linear(2, 2), leaky(threshold=-1.0, reset_mechanism="zero", reset_delay=False)
            ),
            "1: a threshold below 0 with reset_delay=False",
        ),
        (repeated, "1: a neuron used twice in a timestep with one state"),
        (lambda: layers(nn.Conv2d(1, 1, 3)), "0: a Conv2d comes first; give input_shape"),
        (lambda: layers(), "the module holds no layers"),
        (lambda: layers(nn.Linear(2, 3), nn.Linear(2, 2)), "forward fails on an input of shape"),
        (
            lambda: layers(nn.Linear(2, 2), leaky(threshold=torch.ones(3))),
            "forward fails on an input of shape",
        ),
    ],
)
def test_modules_that_are_refused_by_name(made, message):
    with pytest.raises(UltralifError, match=message):
        from_snntorch(made())


def test_layers_with_unusual_options_are_refused():
    for layer, message in (
        (nn.Conv2d(1, 1, 3, padding_mode="circular"), "padding mode 'circular'"),
        (nn.AvgPool2d(2, ceil_mode=True), "an AvgPool2d with ceil_mode"),
        (nn.AvgPool2d(3, padding=1, count_include_pad=False), "an AvgPool2d with ceil_mode"),
        (nn.Flatten(0), "flattens the batch"),
    ):
        with pytest.raises(UltralifError, match=message):
            from_snntorch(layers(layer), (1, 6, 6))
