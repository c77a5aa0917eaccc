"""SpikingJelly modules, spike for spike with SpikingJelly's own run in float64."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from torch import nn

import ultralif_deploy as ul
from support.comparisons import holds
from support.foreign.frameworks import run_recorded
from support.planting import copy_of
from support.requirements import import_or_skip
from support.strategies.shapes import seeds
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.network.running import run_hard

BASE = "spikingjelly.activation_based"
functional, layer, neuron, surrogate = (
    import_or_skip(f"{BASE}.{name}", "pip install --no-deps -r .ci/readers.txt")
    for name in ("functional", "layer", "neuron", "surrogate")
)

NODES = (neuron.IFNode, neuron.LIFNode, neuron.ParametricLIFNode)


def node(rng, **options):
    how = {
        "v_threshold": float(rng.uniform(0.2, 0.6)),
        "v_reset": [None, 0.0, float(rng.uniform(-0.3, 0.1))][rng.integers(3)],
        "surrogate_function": [surrogate.Sigmoid(), surrogate.ATan()][rng.integers(2)],
    } | options
    kind = NODES[rng.integers(3)]
    if kind is neuron.IFNode:
        return kind(**how)
    tau = {"init_tau" if kind is neuron.ParametricLIFNode else "tau": float(rng.uniform(1.2, 5))}
    return kind(**tau, decay_input=bool(rng.integers(2)), **how)


def normed(norm):
    """A BatchNorm as after training."""
    with torch.no_grad():
        norm.running_mean.uniform_(-0.2, 0.2)
        norm.running_var.uniform_(0.3, 2)
        norm.weight.uniform_(0.5, 1.5)
        norm.bias.uniform_(-0.1, 0.2)
    return norm


def drawn(seed):
    """A net of drawn nodes behind layers of torch and SpikingJelly, and its inputs."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    pool = [layer.MaxPool2d(2), layer.AvgPool2d(2), nn.MaxPool2d(3, 2, 1)][rng.integers(3)]
    net = nn.Sequential(
        *(layer.Conv2d(2, 3, 3, padding=1), normed(layer.BatchNorm2d(3)), node(rng), pool),
        *(nn.Conv2d(3, 4, 2), node(rng), layer.Flatten(), layer.Dropout(0.5)),
        *(layer.Linear(16, 8), normed(layer.BatchNorm1d(8)), node(rng), nn.Linear(8, 5), node(rng)),
    )
    return net.double().eval(), rng.random((15, 6, 2, 6, 6)) < 0.5


def compared(net, inputs):
    """Whether every node of the net fires; refuses a network whose spikes are others."""
    functional.reset_net(net)
    expected = run_recorded(net, NODES, inputs, net)
    network = ul.from_spikingjelly(net, inputs.shape[2:], timesteps=len(inputs))
    spikes = run_hard(network, inputs.reshape(*inputs.shape[:2], -1)).spikes
    for name, meant in expected.items():
        assert_array_equal(spikes[name], meant, name)
    return np.mean([meant.any() for meant in expected.values()])


def test_spikes_are_those_of_spikingjelly():
    fired = []
    holds(lambda seed: fired.append(compared(*drawn(seed))), seeds, examples=12)
    assert np.mean(fired) > 0.8


HARD = {
    "threshold from 0": ("node.v_threshold - (node.v_reset or 0.0)", "node.v_threshold"),
    "fires late": ("node.v_threshold - (node.v_reset or 0.0)", "1.2 * node.v_threshold"),
    "decay forgotten": ("1.0 - leak", "1.0 - 0.9 * leak"),
    "input never decays": ("gain = leak if leak and node.decay_input else 1.0", "gain = 1.0"),
    "reset to 0": ('mode = "value" if hard else "subtract"', 'mode = "value"'),
}


@pytest.mark.parametrize("bug", HARD)
def test_bugs_are_found_before_the_network_is_given_out(bug, monkeypatch):
    nodes = [
        neuron.LIFNode(3.0, True, 0.3, -0.2),
        neuron.LIFNode(3.0, True, 0.3, None),
    ]
    torch.manual_seed(0)
    nets = [nn.Sequential(nn.Linear(9, 8), one) for one in nodes]
    for net in nets:
        ul.from_spikingjelly(net)
    place = "ultralif_deploy.readers.spikingjelly.neurons"
    monkeypatch.setattr(f"{place}.SPIKINGJELLY", copy_of(place, HARD[bug]).SPIKINGJELLY)

    def read_all():
        for net in nets:
            ul.from_spikingjelly(net)

    with pytest.raises(UltralifError, match=r"neuron \d+ (fires|is silent|gets)"):
        read_all()


class Looped(nn.Module):
    """A loop over all timesteps of [time, sample, input], after a reset."""

    def __init__(self):
        super().__init__()
        self.fc, self.first = layer.Linear(6, 7), neuron.LIFNode(v_threshold=0.2)
        self.out, self.last = layer.Linear(7, 3), neuron.IFNode(v_threshold=0.3, v_reset=None)

    def forward(self, x):
        functional.reset_net(self)
        return torch.stack([self.last(self.out(self.first(self.fc(one)))) for one in x]).mean(0)


def test_a_module_that_loops_and_was_trained_is_not_changed():
    module = Looped()
    module(torch.rand(4, 2, 6)).sum().backward()
    before = module.first.v.clone()
    network = ul.from_spikingjelly(module, timesteps=9)
    assert network.timesteps == 9
    assert torch.equal(module.first.v, before)


def test_the_module_is_deployed(tmp_path):
    torch.manual_seed(0)
    net = nn.Sequential(
        layer.Linear(64, 12), neuron.LIFNode(), layer.Linear(12, 10), neuron.IFNode()
    )
    settings = ul.Settings(data="digits", limit=10, timesteps=4)
    assert ul.deploy(net, tmp_path, settings, back_ends=("fast",))["source"]["file"] == "Sequential"


def in_containers(net):
    """The same layers, those without memory in containers that take all timesteps at once."""
    wrapped = [
        layer.MultiStepContainer(one)
        if isinstance(one, NODES)
        else layer.SeqToANNContainer(one)
        if type(one) not in (layer.MaxPool2d, layer.AvgPool2d, nn.MaxPool2d)
        else layer.StepModeContainer(False, "m", one)
        for one in net
    ]
    return nn.Sequential(*wrapped)


@pytest.mark.parametrize("contained", [False, True])
def test_layers_that_take_all_timesteps_at_once(contained):
    net, inputs = drawn(3)
    single = ul.from_spikingjelly(net, inputs.shape[2:], timesteps=len(inputs))
    plain = [one for one in net if type(one).__module__.startswith("torch")]
    net = in_containers(net) if contained else net
    if not contained:
        net = nn.Sequential(*(layer.SeqToANNContainer(m) if m in plain else m for m in net))
        functional.set_step_mode(net, "m")
    whole = ul.from_spikingjelly(net, inputs.shape[2:], timesteps=len(inputs))
    flat = inputs.reshape(*inputs.shape[:2], -1)
    expected, found = run_hard(single, flat).spikes, run_hard(whole, flat).spikes
    for meant, spikes in zip(expected.values(), found.values(), strict=True):
        assert_array_equal(spikes, meant)


def test_a_run_over_all_timesteps_that_differs_is_refused(monkeypatch):
    net = nn.Sequential(nn.Linear(4, 4), neuron.IFNode(v_threshold=0.2, step_mode="m"))
    forward = neuron.IFNode.multi_step_forward
    monkeypatch.setattr(neuron.IFNode, "multi_step_forward", lambda s, x: forward(s, x.flip(0)))
    with pytest.raises(UltralifError, match="1: fires other spikes when forward gets all"):
        ul.from_spikingjelly(net)


class Own(neuron.LIFNode):
    pass


REFUSED = {
    "its surrogate_function does not fire": lambda: neuron.IFNode(
        surrogate_function=surrogate.Sigmoid(spiking=False)
    ),
    "a QIFNode; expected Linear, Conv1d/2d": neuron.QIFNode,
    "a WSLinear; expected": lambda: layer.WSLinear(4, 4),
    "a GroupNorm; expected": lambda: layer.GroupNorm(2, 4),
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_cannot_be_taken_over_is_refused_by_name(message):
    net = nn.Sequential(nn.Linear(4, 4), REFUSED[message](), nn.Flatten())
    with pytest.raises(UltralifError, match=message):
        ul.from_spikingjelly(net)


def test_max_pools_of_other_values_than_spikes_are_refused():
    net = nn.Sequential(nn.Conv2d(1, 2, 3), layer.MaxPool2d(2), neuron.IFNode())
    with pytest.raises(UltralifError, match="1: a max pool of other values than spikes"):
        ul.from_spikingjelly(net, (1, 6, 6))
    for options in ({"dilation": 2}, {"ceil_mode": True}, {"return_indices": True}):
        net = nn.Sequential(nn.Conv2d(1, 2, 3), neuron.IFNode(), nn.MaxPool2d(2, **options))
        with pytest.raises(UltralifError, match="2: a MaxPool2d with dilation, ceil_mode or"):
            ul.from_spikingjelly(net, (1, 6, 6))


def test_a_node_of_ones_own_is_followed_and_refused():
    with pytest.raises(UltralifError, match=r"1|\(\)"):
        ul.from_spikingjelly(nn.Sequential(nn.Linear(4, 4), Own()))
