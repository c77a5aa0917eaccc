"""Drawn modules spike for spike, the usual forms of `forward`, and the caller's module."""

import numpy as np
import pytest
import snntorch as snn
import torch
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from snntorch import utils
from torch import nn
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel

from support.comparisons import holds
from support.foreign.frameworks import double_spikes, run_recorded
from support.networks.snntorch_modules import FRAMES, Net, leaky, looped, one_layer
from support.strategies.shapes import seeds
from ultralif_deploy import from_snntorch
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.network.network import Input
from ultralif_deploy.network.neurons import LeakyIntegrator
from ultralif_deploy.network.running import run_hard

WIDTH = 6
KINDS = ("leaky", "synaptic", "rleaky", "one to one", "rsynaptic")


def drawn_neuron(rng, hidden=True):
    kind = KINDS[rng.integers(len(KINDS))]
    how = {
        "threshold": torch.tensor(rng.uniform(0.2, 0.6, WIDTH)),
        "reset_mechanism": ["subtract", "zero", "none"][rng.integers(3)],
        "init_hidden": hidden,
        "spike_grad": double_spikes,
    }
    if kind != "rsynaptic":  # snnTorch 1.0 fails there with reset_delay=False
        how["reset_delay"] = bool(rng.integers(2))
    beta = torch.tensor(rng.uniform(0.3, 1.1, WIDTH))
    alpha = torch.tensor(rng.uniform(0, 0.9, WIDTH))
    if kind == "leaky":
        return snn.Leaky(beta, **how)
    if kind == "synaptic":
        return snn.Synaptic(alpha, beta, **how)
    if kind == "rsynaptic":
        return snn.RSynaptic(alpha, beta, linear_features=WIDTH, **how)
    if kind == "rleaky":
        return snn.RLeaky(beta, linear_features=WIDTH, **how)
    return snn.RLeaky(beta, V=torch.tensor(rng.normal(size=WIDTH)), all_to_all=False, **how)


class Drawn(nn.Module):
    """Neurons that each hear one or two of what came before, in one of five ways."""

    def __init__(self, seed, depth):
        torch.manual_seed(seed)
        rng = np.random.default_rng(seed)
        super().__init__()
        self.neurons = nn.ModuleList(drawn_neuron(rng) for _ in range(depth))
        self.wide = nn.ModuleList(nn.Linear(2 * WIDTH, WIDTH) for _ in range(depth))
        self.linear = nn.ModuleList(nn.Linear(WIDTH, WIDTH) for _ in range(2))  # shared
        self.dropout = nn.Sequential(nn.Dropout(0.5), nn.Identity())
        self.plan = [rng.integers(0, [5, n + 1, n + 1, 2]) for n in range(depth)]

    def forward(self, x):
        heard = [x]
        for neuron, wide, (way, a, b, use) in zip(self.neurons, self.wide, self.plan, strict=True):
            one, other, linear = heard[a], heard[b], self.linear[use]
            if way == 0:
                current = linear(one)
            elif way == 1:
                current = linear(one) + 0.5 * other
            elif way == 2:
                current = wide(torch.cat([one, other], dim=-1))
            elif way == 3:
                current = self.linear[0](one).sub(self.linear[1](other), alpha=0.5) + 0.2
            else:
                current = linear(self.dropout(one) / 2)
                current += other
            heard.append(neuron(current))
        return heard[-1]


def test_drawn_modules_give_their_own_spikes():
    fired = []

    def check(seed, depth):
        net = Drawn(seed, depth).double()
        network = from_snntorch(net, (WIDTH,), timesteps=20)
        inputs = np.random.default_rng(seed).integers(0, 2, (20, 4, WIDTH)).astype(np.uint8)
        trace = run_hard(network, inputs)
        net.eval()
        kinds = (snn.Leaky, snn.Synaptic, snn.RLeaky, snn.RSynaptic)
        expected = run_recorded(net, kinds, inputs, net)
        for name, spikes in trace.spikes.items():
            assert_array_equal(spikes, expected[name], name)
            fired.append(spikes.any())
        last = expected[f"neurons.{depth - 1}"]
        assert_allclose(trace.logits * network.divisor, last.sum(axis=0), atol=1e-9)

    holds(check, seeds, st.integers(1, 5), examples=60)
    assert np.mean(fired) > 0.8


RETURNED = {
    "both": lambda s, m: (torch.stack(s, dim=0), torch.stack(m, dim=0)),
    "batch first": lambda s, m: torch.stack(s, dim=1),
    "turned": lambda s, m: torch.stack(s).permute(1, 0, 2),
    "sum": lambda s, m: torch.stack(s).sum(dim=0),
    "mean": lambda s, m: torch.stack(s, 1).mean(1),
    "rate": lambda s, m: sum(s) / len(s),
    "list": lambda s, m: s,
}


def loop_spikes(inputs):
    """What the loop's neurons give, by snnTorch in float64."""
    net = Net(None).double()
    mem1, mem2, spikes = net.lif1.reset_mem(), net.lif2.reset_mem(), []
    with torch.no_grad():
        for frame in torch.from_numpy(inputs).double():
            spike, mem1 = net.lif1(net.fc1(frame), mem1)
            spike, mem2 = net.lif2(net.fc2(spike.double()), mem2)
            spikes.append(spike)
    return torch.stack(spikes).numpy() > 0


@pytest.mark.parametrize("frames", FRAMES)
@pytest.mark.parametrize("returned", RETURNED)
def test_loops_over_timesteps(frames, returned):
    network = from_snntorch(Net(looped(FRAMES[frames], RETURNED[returned])), (5,))
    assert network.timesteps == 8
    inputs = np.random.default_rng(1).integers(0, 2, (8, 4, 5)).astype(np.uint8)
    expected = loop_spikes(inputs)
    trace = run_hard(network, inputs)
    assert expected.any()
    assert_array_equal(trace.spikes["lif2"], expected)
    assert_allclose(trace.logits, expected.mean(axis=0), atol=1e-12)


def test_a_loop_as_long_as_its_input_takes_any_number_of_timesteps():
    def function(net, x):
        mem, total = net.lif1.reset_mem(), torch.zeros(x.size(1), 6)
        for frame in x:
            spike, mem = net.lif1(net.fc1(frame), mem)
            total += spike
        return total

    assert from_snntorch(Net(function), (5,)).timesteps == 100
    assert from_snntorch(Net(function), (5,), timesteps=33).timesteps == 33


def test_states_of_recurrent_neurons_may_be_passed():
    def function(net, x):
        spike, mem = net.recurrent.init_rleaky()
        record = []
        for _ in range(9):
            spike, mem = net.recurrent(net.fc1(x), spike, mem)
            record.append(spike)
        return torch.stack(record)

    network = from_snntorch(Net(function), (5,))
    assert ("recurrent", "recurrent") in {(p.source, p.target) for p in network.projections}


def test_sequential_modules_may_return_states():
    net = nn.Sequential(
        nn.Sequential(nn.Linear(4, 5), leaky()), nn.Linear(5, 2), leaky(output=True)
    )
    assert [p.name for p in from_snntorch(net).populations] == ["0.1", "2", "readout"]


def test_the_last_membrane_of_a_loop_can_be_read():
    def function(net, x):
        mem = net.free.reset_mem()
        for step in range(7):
            _, mem = net.free(net.fc1(x[step]), mem)
        return mem

    net = Net(function)
    net.free = leaky(False, reset_mechanism="none")
    network = from_snntorch(net, (5,))
    assert isinstance(network.populations[-1].neuron, LeakyIntegrator)
    assert network.timesteps == 7


def test_a_synaptic_current_is_no_membrane():
    def function(net, x):
        return net.synaptic(net.fc1(x))[1]

    net = Net(function)
    net.synaptic = snn.Synaptic(0.9, 0.8, reset_mechanism="none")
    with pytest.raises(UltralifError, match="synaptic: its synaptic current is returned"):
        from_snntorch(net, (5,))


@pytest.mark.parametrize(
    "read",
    [
        Input(5, maximum=255),
        Input(5, maximum=7, scale=np.linspace(0.1, 0.5, 5), offset=-0.25),
        Input(5, maximum=255, scale=1 / 255, constant=True),
    ],
)
def test_graded_inputs_are_compared_as_they_are_read(read):
    network = from_snntorch(Net(lambda net, x: net.hidden(net.fc1(x))), (5,), read=read)
    assert network.input.maximum == read.maximum
    with pytest.raises(UltralifError, match=r"clamp\(\) is no linear function"):
        from_snntorch(Net(lambda net, x: net.hidden(net.fc1(x.clamp(0, 1)))), (5,), read=read)


def test_functions_that_are_layers_are_read():
    def function(net, x):
        first = net.hidden(functional.linear(x, net.fc1.weight, net.fc1.bias))
        return net.last(1 - first @ net.fc2.weight.T + functional.dropout(first, 0.5, net.training))

    net = Net(function)
    network = from_snntorch(net, (5,))
    weight = net.fc2.weight.detach().double().numpy()
    (projection,) = network.incoming("last")
    assert_allclose(projection.map.matrix(), np.eye(6) - weight, atol=1e-12)


def test_images_are_pooled_and_joined_as_convolutions():
    class Images(nn.Module):
        def __init__(self):
            torch.manual_seed(2)
            super().__init__()
            self.one, self.two = (nn.Conv2d(2, 3, 3, padding=1) for _ in range(2))
            self.lif = leaky(threshold=torch.tensor([0.1, 0.2, 0.3, 0.1, 0.2, 0.3])[:, None, None])

        def forward(self, x):
            both = torch.cat([self.one(x), self.two(x)], 1)
            return self.lif(functional.avg_pool2d(both, 2)).flatten(1)

    network = from_snntorch(Images(), (2, 8, 8))
    (projection,) = network.incoming("lif")
    assert type(projection.map).__name__ == "Conv2d"
    assert [p.size for p in network.populations] == [96, 96]


def test_silent_images_with_thresholds_per_channel_are_compared():
    net = nn.Sequential(
        nn.Conv2d(1, 3, 3), leaky(threshold=torch.tensor([0.5, 0.6, 0.7]).reshape(1, 3, 1, 1))
    )
    with torch.no_grad():
        net[0].weight.zero_()
        net[0].bias.fill_(-1)
    threshold = from_snntorch(net, (1, 5, 5)).populations[0].neuron.threshold
    assert_allclose(threshold, np.repeat([0.5, 0.6, 0.7], 9), atol=1e-6)


def test_a_factor_of_one_may_be_a_tensor():
    from_snntorch(nn.Sequential(nn.Linear(3, 3), leaky(graded_spikes_factor=torch.ones(3))))


def test_factors_of_spikes_go_into_the_weights_behind_them():
    factor = torch.tensor([0.5, -2.0, 3.0])
    torch.manual_seed(1)
    recurrent = snn.RLeaky(0.9, linear_features=3, init_hidden=True)
    recurrent.graded_spikes_factor = factor
    images = leaky(graded_spikes_factor=torch.tensor([2.0, 0.25])[:, None, None])
    module = nn.Sequential(
        *(nn.Conv2d(1, 2, 2), images, nn.AvgPool2d(2), nn.Flatten()),
        *(nn.Linear(2, 3), recurrent, nn.Linear(3, 3), leaky(graded_spikes_factor=3)),
    )
    network = from_snntorch(module, (1, 3, 3), timesteps=9)
    weights = {p.name: p.map.matrix() for p in network.projections}
    scale = factor.double().numpy()
    assert_allclose(weights["5->7"], module[6].weight.detach().numpy() * scale, rtol=1e-6)
    back = recurrent.recurrent.weight.detach().numpy() * scale
    assert_allclose(weights["5->5"], back, rtol=1e-6)
    assert_allclose(weights["7->readout"], 3 * np.eye(3))
    pooled = module[4].weight.detach().numpy() * [2.0, 0.25] / 4
    assert_allclose(weights["1->5"], pooled.repeat(4, axis=1), rtol=1e-6)


def test_factors_of_spikes_of_neurons_whose_states_are_passed_on():
    class Passing(nn.Module):
        def __init__(self):
            torch.manual_seed(3)
            super().__init__()
            self.fc, self.out = nn.Linear(4, 5), leaky()
            self.lif = snn.RSynaptic(0.8, 0.9, linear_features=5)
            self.lif.graded_spikes_factor = torch.tensor(0.6)

        def forward(self, x):
            state, sent = self.lif.reset_mem(), []
            for frame in x:
                state = self.lif(self.fc(frame), *state)
                sent.append(self.out(state[0]))
            return torch.stack(sent)

    network = from_snntorch(Passing(), (4,), timesteps=6)
    assert [p.name for p in network.projections] == [
        *("input->lif", "lif->lif", "lif->out", "out->readout"),
    ]


class Compiled(nn.Module):
    """As `torch.compile` wraps a module; its own import takes seconds."""

    def __init__(self, module):
        super().__init__()
        self._orig_mod = module


def test_wrappers_of_torch_are_looked_through():
    inner = nn.Sequential(nn.Linear(3, 8), nn.Unflatten(1, (2, 2, 2)), leaky(), nn.Flatten())
    plain = from_snntorch(inner, (3,))
    for wrapped in (nn.DataParallel(inner), AveragedModel(inner), Compiled(inner)):
        found = from_snntorch(wrapped, (3,))
        assert [p.name for p in found.populations] == [p.name for p in plain.populations]


@pytest.mark.parametrize("norm", ["weight_norm", "spectral_norm", "orthogonal"])
def test_parametrized_weights_are_read_as_they_are_computed(norm):
    torch.manual_seed(5)
    layer = getattr(nn.utils.parametrizations, norm)(nn.Linear(4, 4))
    module = nn.Sequential(layer, leaky()).eval()
    network = from_snntorch(module, (4,))
    assert_allclose(network.projections[0].map.matrix(), layer.weight.detach().numpy(), atol=1e-6)
    assert "original" in next(name for name, _ in module.named_parameters() if "weight" in name)
    assert nn.utils.parametrize.is_parametrized(layer, "weight")


def test_layers_without_a_size_are_refused():
    with pytest.raises(UltralifError, match=r"0\.weight: its shape is not known yet; run the mod"):
        from_snntorch(nn.Sequential(nn.LazyLinear(3), leaky()), (4,))


def test_hidden_states_of_the_caller_survive_a_reset_in_forward():
    def function(net, x):
        utils.reset(net)
        record = []
        for _ in range(5):
            record.append(net.hidden(net.fc1(x)))
        return torch.stack(record)

    net = Net(function)
    net.hidden(torch.ones(2, 6))
    before, instances = net.hidden.mem.clone(), snn.SpikingNeuron.instances
    from_snntorch(net, (5,))
    assert torch.equal(net.hidden.mem, before)
    assert snn.SpikingNeuron.instances is instances
    assert all(p.dtype == torch.float32 for p in net.parameters())


def test_a_module_that_draws_random_numbers_leaves_their_state():
    state = torch.get_rng_state().clone()
    with pytest.raises(UltralifError):
        from_snntorch(Net(one_layer(lambda c: c + torch.rand(6))), (5,))
    assert torch.equal(torch.get_rng_state(), state)


def test_a_module_that_cannot_be_copied_is_refused():
    net = Net(None)
    net.generator = (i for i in range(3))
    with pytest.raises(UltralifError, match="the module cannot be copied: cannot pickle"):
        from_snntorch(net, (5,))
