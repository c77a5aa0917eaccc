"""What `forward` does is what is read: order, branches, states, loops; or the module is refused."""

import importlib
from itertools import pairwise

import numpy as np
import pytest
import snntorch as snn
import torch
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from torch import nn
from torch.nn import functional

from support.comparisons import holds
from support.foreign.frameworks import double_spikes
from support.planting import copy_of
from support.strategies.shapes import seeds
from ultralif_deploy import from_snntorch
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.network.neurons import LeakyIntegrator
from ultralif_deploy.network.running import run_hard
from ultralif_deploy.readers.modules import reading as module_reading
from ultralif_deploy.readers.nir.linear import Signal, added


def leaky(hidden=True, threshold=0.3, **options):
    return snn.Leaky(0.8, threshold, init_hidden=hidden, spike_grad=double_spikes, **options)


class Declared(nn.Module):
    """Layers declared in another order than used, with a skip and a scaled branch."""

    def __init__(self, seed=0, hidden=True):
        torch.manual_seed(seed)
        super().__init__()
        self.out = leaky(hidden)
        self.fc3 = nn.Linear(7, 4)
        self.lif2 = leaky(hidden, reset_mechanism="zero")
        self.lif1 = leaky(hidden, 0.2)
        self.unused = nn.Linear(3, 3)
        self.fc2 = nn.Linear(7, 7)
        self.fc1 = nn.Linear(9, 7)
        self.dropout = nn.Dropout(0.9)

    def forward(self, x):
        first = self.lif1(self.fc1(x))
        second = self.lif2(self.fc2(first) + 0.5 * first - 0.1)
        return self.out(self.fc3(self.dropout(first + second) / 2))


class States(Declared):
    """The same with states passed in and out."""

    def __init__(self, seed=0):
        super().__init__(seed, hidden=False)

    def forward(self, x, mem1, mem2, mem3):
        first, mem1 = self.lif1(self.fc1(x), mem1)
        second, mem2 = self.lif2(self.fc2(first) + 0.5 * first - 0.1, mem2)
        spikes, mem3 = self.out(self.fc3((first + second) / 2), mem3)
        return spikes, mem1, mem2, mem3


class Loop(States):
    """The tutorials' form: a loop over timesteps in `forward`."""

    steps, frames = 12, "none"

    def forward(self, x):
        mem1, mem2, mem3 = (layer.reset_mem() for layer in (self.lif1, self.lif2, self.out))
        spikes, membranes = [], []
        for step in range(self.steps):
            frame = x
            if self.frames == "first":
                frame = x[step]
            if self.frames == "second":
                frame = x[:, step]
            spike, mem1, mem2, mem3 = super().forward(frame, mem1, mem2, mem3)
            spikes.append(spike)
            membranes.append(mem3)
        return torch.stack(spikes, dim=0), torch.stack(membranes, dim=0)


class FramesFirst(Loop):
    frames = "first"


class FramesSecond(Loop):
    frames = "second"


def stepwise(seed, inputs):
    """Spikes of `Declared`, run by snnTorch in float64, by population."""
    net = Declared(seed).double().eval()
    for layer in (net.lif1, net.lif2, net.out):
        layer.reset_mem()
    seen = {name: [] for name in ("lif1", "lif2", "out")}
    hooks = [
        getattr(net, name).register_forward_hook(lambda _m, _a, out, n=name: seen[n].append(out))
        for name in seen
    ]
    with torch.no_grad():
        for frame in inputs:
            net(torch.from_numpy(frame).double())
    for hook in hooks:
        hook.remove()
    return {name: torch.stack(steps).numpy() > 0 for name, steps in seen.items()}


@pytest.mark.parametrize("kind", [Declared, States, FramesFirst, FramesSecond, Loop])
def test_every_form_of_forward_is_the_same_network(kind):
    fired = []

    def check(seed):
        inputs = np.random.default_rng(seed).integers(0, 2, (20, 5, 9)).astype(np.uint8)
        network = from_snntorch(kind(seed), (9,), timesteps=20)
        found = run_hard(network, inputs).spikes
        for name, expected in stepwise(seed, inputs).items():
            assert_array_equal(found[name], expected, name)
            fired.append(expected.any())

    holds(check, seeds, examples=6)
    assert np.mean(fired) > 0.8


def test_the_module_is_left_as_it_is():
    net = Declared().double()
    net.train()
    net(torch.ones(2, 9).double())
    before = {k: v.clone() for k, v in net.state_dict().items()}
    states = [layer.mem.clone() for layer in (net.lif1, net.lif2, net.out)]
    random = torch.get_rng_state().clone()
    from_snntorch(net, (9,))
    assert net.training
    assert torch.equal(torch.get_rng_state(), random)
    assert all(torch.equal(v, before[k]) for k, v in net.state_dict().items())
    after = (net.lif1.mem, net.lif2.mem, net.out.mem)
    assert all(torch.equal(a, b) for a, b in zip(after, states, strict=True))
    assert not net.lif1._forward_hooks


class Shared(nn.Module):
    """One neuron and one Linear at two places, each with a state of its own."""

    def __init__(self):
        torch.manual_seed(1)
        super().__init__()
        self.fc, self.lif = nn.Linear(6, 6), leaky(hidden=False)

    def forward(self, x, first, second):
        a, first = self.lif(self.fc(x), first)
        b, second = self.lif(self.fc(a), second)
        return b, first, second


def test_a_neuron_may_serve_two_places_with_two_states():
    network = from_snntorch(Shared(), (6,), timesteps=9)
    assert [p.name for p in network.populations] == ["lif", "lif, use 2", "readout"]


class Joined(nn.Module):
    def __init__(self):
        torch.manual_seed(2)
        super().__init__()
        self.left, self.right = nn.Linear(5, 3), nn.Linear(5, 4)
        self.a, self.b, self.c = leaky(), leaky(), leaky()
        self.last = nn.Linear(7, 2)

    def forward(self, x):
        both = torch.cat([self.a(self.left(x)), self.b(self.right(x))], dim=1)
        return self.c(self.last(both))


def test_branches_are_joined():
    network = from_snntorch(Joined(), (5,), timesteps=9)
    assert {(p.source, p.target) for p in network.projections} == {
        *(("input", "a"), ("input", "b"), ("a", "c"), ("b", "c"), ("c", "readout")),
    }


class Images(nn.Module):
    def __init__(self):
        torch.manual_seed(3)
        super().__init__()
        self.conv, self.pool = nn.Conv2d(1, 2, 3, padding=1), nn.AvgPool2d(2)
        self.lif, self.fc, self.out = leaky(threshold=0.1), nn.Linear(18, 3), leaky()

    def forward(self, x):
        x = self.lif(self.pool(self.conv(x)))
        return self.out(self.fc(x.view(x.size(0), -1)))


def test_images_may_be_flattened_by_functions():
    assert [p.size for p in from_snntorch(Images(), (1, 6, 6)).populations] == [18, 3, 3]


class Membrane(nn.Module):
    def __init__(self, mechanism):
        torch.manual_seed(4)
        super().__init__()
        self.fc = nn.Linear(4, 3)
        self.lif = leaky(hidden=False, reset_mechanism=mechanism)

    def forward(self, x, mem):
        spikes, mem = self.lif(self.fc(x), mem)
        del spikes
        return mem


def test_a_membrane_without_reset_can_be_read():
    network = from_snntorch(Membrane("none"), (4,), timesteps=9)
    assert isinstance(network.populations[-1].neuron, LeakyIntegrator)
    with pytest.raises(UltralifError, match="lif: its membrane potential is returned, and spikes"):
        from_snntorch(Membrane("subtract"), (4,))


class Function(nn.Module):
    def __init__(self, function, quiet=False):
        torch.manual_seed(5)
        super().__init__()
        self.fc, self.lif, self.function = nn.Linear(4, 4), leaky(threshold=0.1), function
        if quiet:
            with torch.no_grad():
                self.fc.weight.abs_().mul_(-1)
                self.fc.bias.fill_(-1)

    def forward(self, x):
        return self.lif(self.function(self.fc(x)))


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (torch.relu, r"relu\(\) is no linear function of spikes"),
        (functional.gelu, r"gelu\(\) is no linear function"),
        (lambda x: x * x, r"mul\(\) of two signals"),
        (lambda x: x[:, [1, 0, 2, 3]], r"__getitem__\(\) is no linear function"),
    ],
)
def test_functions_that_are_not_linear_are_refused(function, message):
    with pytest.raises(UltralifError, match=message):
        from_snntorch(Function(function), (4,))


class Growing:
    """A current that grows from the fourth timestep on: a recording of the first one misses it."""

    calls = 0

    def __call__(self, x):
        self.calls += 1
        return x + (0.7 if self.calls > 3 else 0.0)


def test_what_the_first_timestep_does_not_show_is_found_out_by_the_spikes():
    with pytest.raises(
        UltralifError, match=r"lif: neuron \d fires in the module at timestep [3-9]"
    ):
        from_snntorch(Function(Growing()), (4,))


def plant(monkeypatch, module, name, change):
    """Put a function with a bug where it is used."""
    made = copy_of(f"ultralif_deploy.readers.{module}", change, Signal=Signal)
    for user in ("snntorch.neurons", "modules.reading", "modules.linear"):
        if hasattr(importlib.import_module(f"ultralif_deploy.readers.{user}"), name):
            monkeypatch.setattr(f"ultralif_deploy.readers.{user}.{name}", getattr(made, name))


def test_silent_populations_are_compared_by_driving_them(monkeypatch):
    module = Function(torch.clone, quiet=True)
    from_snntorch(module, (4,))
    change = ("layer.beta", "0.5 * layer.beta")
    plant(monkeypatch, "snntorch.neurons", "SNNTORCH", change)
    with pytest.raises(UltralifError, match="lif, driven alone: neuron"):
        from_snntorch(module, (4,))


def drop_terms(name, signals):
    """A sum that loses what is added: a skip is dropped."""
    return added(name, signals[:1])


PLANTED = {
    "reset forgotten": (
        *("snntorch.neurons", "SNNTORCH"),
        (
            '"late-subtract" if late else "immediate-subtract"',
            '"none" if late else "immediate-subtract"',
        ),
    ),
    "decay forgotten": (
        *("snntorch.neurons", "SNNTORCH"),
        ("layer.beta", "0.9 * layer.beta"),
    ),
    "bias forgotten": (
        *("nir.linear", "transformed"),
        ("np.broadcast_to(own, (shape[0],))", "0 * np.broadcast_to(own, (shape[0],))"),
    ),
    "alpha forgotten": (
        *("snntorch.neurons", "SNNTORCH"),
        ("layer.alpha", "0.5 * layer.alpha"),
    ),
}


@pytest.mark.parametrize("bug", PLANTED)
def test_planted_bugs_are_found_before_the_network_is_given_out(bug, monkeypatch):
    synaptic = nn.Sequential(nn.Linear(9, 4), snn.Synaptic(0.9, 0.8, 0.3, init_hidden=True))
    module = synaptic if bug == "alpha forgotten" else Loop()
    from_snntorch(module, (9,))
    plant(monkeypatch, *PLANTED[bug])
    with pytest.raises(UltralifError, match=r"neuron \d+ (fires|is silent|gets)"):
        from_snntorch(module, (9,))


@pytest.mark.parametrize("quiet", [False, True])
def test_a_skip_that_is_dropped_is_found(quiet, monkeypatch):
    module = Declared()
    if quiet:
        with torch.no_grad():
            module.fc1.bias.fill_(-9)
    from_snntorch(module, (9,))
    monkeypatch.setattr("ultralif_deploy.readers.modules.linear.added", drop_terms)
    with pytest.raises(UltralifError, match=r"lif2|out"):
        from_snntorch(module, (9,))


def test_one_state_at_two_places_is_found_by_counting_timesteps(monkeypatch):
    lif = leaky()
    module = nn.Sequential(nn.Linear(2, 2), lif, nn.Linear(2, 2), lif)
    monkeypatch.setattr(module_reading, "same_signals", lambda a, b: True)
    with pytest.raises(UltralifError, match=r"returns|runs it for"):
        from_snntorch(module)


def test_layers_in_another_order_are_found(monkeypatch):
    module = nn.Sequential(nn.Linear(9, 9), leaky(), nn.Linear(9, 9), leaky())
    from_snntorch(module)
    made, weights = [], [module[0], module[2]]
    original = module_reading.layer_node

    def swapped(name, layer, channels):
        made.append(name)
        return original(name, weights[len(made) % 2], channels)

    monkeypatch.setattr(module_reading, "layer_node", swapped)
    with pytest.raises(UltralifError, match=r"1: neuron \d"):
        from_snntorch(module)


def test_a_spike_function_of_ones_own_is_refused():
    lif = snn.Leaky(0.5, init_hidden=True, spike_grad=lambda v: (v > 0.5).float())
    with pytest.raises(UltralifError, match="1: its spike_grad does not fire exactly where v > θ"):
        from_snntorch(nn.Sequential(nn.Linear(2, 2), lif))


def test_a_module_that_needs_more_than_states_is_refused():
    class Extra(Declared):
        def forward(self, x, extra):
            return super().forward(x) * extra

    with pytest.raises(UltralifError):
        from_snntorch(Extra(), (9,))


def test_chains_of_any_depth():
    def check(seed, depth):
        torch.manual_seed(seed)
        sizes = [6, *torch.randint(2, 7, (depth,)).tolist()]
        parts = []
        for a, b in pairwise(sizes):
            parts += [nn.Linear(a, b), leaky(threshold=0.2)]
        from_snntorch(nn.Sequential(*parts), timesteps=4)

    holds(check, seeds, st.integers(1, 4), examples=10)
