"""BatchNorm and max pools in snnTorch modules, spike for spike with the module."""

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
from ultralif_deploy.network.network import Input
from ultralif_deploy.network.neurons import Threshold
from ultralif_deploy.network.running import run_hard
from ultralif_deploy.passes import apply_passes
from ultralif_deploy.quantization.quantize import quantize
from ultralif_deploy.simulators.fast import simulator as fast
from ultralif_deploy.simulators.reference import simulator as reference


def leaky():
    return snn.Leaky(0.8, 0.3, double_spikes, init_hidden=True)


def trained(norm):
    """A BatchNorm as after training."""
    with torch.no_grad():
        norm.running_mean.uniform_(-0.2, 0.2)
        norm.running_var.uniform_(0.3, 2)
        if norm.affine:
            norm.weight.uniform_(0.5, 1.5)
            norm.bias.uniform_(-0.1, 0.2)
    return norm


class Pooled(nn.Module):
    """One max pool at two places, and a loop over time if the input has an axis of it."""

    def __init__(self, loops=False):
        torch.manual_seed(0)
        super().__init__()
        self.loops = loops
        self.first, self.second = nn.Conv2d(2, 3, 3, padding=1), nn.Conv2d(3, 2, 3, padding=1)
        self.lif1, self.lif2, self.last = leaky(), leaky(), leaky()
        self.pool, self.out = nn.MaxPool2d(2), nn.Linear(8, 5)

    def one(self, x):
        x = self.pool(self.lif1(self.first(x)))
        return self.last(self.out(self.pool(self.lif2(self.second(x))).flatten(1)))

    def forward(self, x):
        return torch.stack([self.one(now) for now in x]) if self.loops else self.one(x)


def nets():
    torch.manual_seed(0)
    return {
        "norm behind a convolution": nn.Sequential(
            *(nn.Conv2d(2, 3, 3, padding=1), trained(nn.BatchNorm2d(3)), leaky()),
            *(nn.Flatten(), nn.Linear(192, 5), trained(nn.BatchNorm1d(5)), leaky()),
        ),
        "norm before a convolution": nn.Sequential(
            *(trained(nn.BatchNorm2d(2)), nn.Conv2d(2, 3, 3, padding=1), leaky()),
            *(trained(nn.BatchNorm2d(3)), nn.Flatten(), nn.Linear(192, 5), leaky()),
        ),
        "norm without weights": nn.Sequential(
            *(nn.Flatten(), nn.Linear(128, 9), trained(nn.BatchNorm1d(9, affine=False))),
            *(leaky(), nn.Linear(9, 5), leaky()),
        ),
        "pool of the input": nn.Sequential(
            *(nn.MaxPool2d(3, 2, 1), nn.Flatten(), nn.Linear(32, 5), leaky()),
        ),
        "one pool at two places": Pooled(),
    }


@pytest.mark.parametrize("name", nets())
def test_spikes_are_those_of_the_module(name):
    net = nets()[name].double().eval()
    inputs = np.random.default_rng(0).random((12, 6, 2, 8, 8)) < 0.4
    expected = run_recorded(net, (snn.Leaky,), inputs, net)
    network = from_snntorch(net, (2, 8, 8), timesteps=12)
    flat = inputs.reshape(12, 6, -1).astype(np.uint8)
    spikes = run_hard(network, flat).spikes
    for layer, meant in expected.items():
        assert meant.any()
        assert_array_equal(spikes[layer], meant, layer)
    program = quantize(apply_passes(network), 8, flat)
    exact = reference.load(program).run(flat, record=True)
    assert fast.load(program).run(flat, record=True).digests() == exact.digests()


def test_a_pool_at_two_places_is_two_populations():
    for module in (Pooled(), Pooled(loops=True)):
        network = from_snntorch(module, (2, 8, 8), timesteps=6)
        units = [p.name for p in network.populations if isinstance(p.neuron, Threshold)]
        assert units == ["pool", "pool, use 2"]


def test_pools_of_anything_but_spikes_are_refused():
    net = nn.Sequential(nn.MaxPool2d(2), nn.Flatten(), nn.Linear(4, 3), leaky())
    message = "0: a max pool of other values than spikes; expected it right behind neurons"
    with pytest.raises(UltralifError, match=message):
        from_snntorch(net, (1, 4, 4), read=Input(16, 255))
    with pytest.raises(UltralifError, match=message):
        from_snntorch(net, (1, 4, 4), read=Input(16, 1, 0.5))


HARD = {
    "variance forgotten": ("numbers(layer.running_var) + layer.eps", "1.0 + layer.eps"),
    "mean forgotten": ("-factor * numbers(layer.running_mean)", "0 * factor"),
    "pool of two": ("BELOW_A_SPIKE", "3 * BELOW_A_SPIKE"),
}


@pytest.mark.parametrize("bug", HARD)
def test_bugs_are_found_before_the_network_is_given_out(bug, monkeypatch):
    net = nets()["one pool at two places" if "pool" in bug else "norm behind a convolution"]
    from_snntorch(net, (2, 8, 8))
    planted = copy_of("ultralif_deploy.readers.modules.units", HARD[bug])
    monkeypatch.setattr("ultralif_deploy.readers.modules.reading.normed", planted.normed)
    monkeypatch.setattr("ultralif_deploy.readers.modules.framework.pooled", planted.pooled)
    with pytest.raises(UltralifError, match=r"neuron \d+ (fires|is silent|gets)"):
        from_snntorch(net, (2, 8, 8))
