"""NIR files of other tools: golden traces, and the tools' own runs of what they export."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from torch import nn

from support.foreign.frameworks import double_spikes, run_recorded, snntorch_graph
from ultralif_deploy.network.running import run_hard
from ultralif_deploy.passes import apply_passes
from ultralif_deploy.quantization.quantize import quantize
from ultralif_deploy.readers.nir.network import import_nir
from ultralif_deploy.readers.nir.neurons import Conventions
from ultralif_deploy.simulators.fast import simulator as fast
from ultralif_deploy.simulators.reference import simulator as reference

# Real files


def test_norse_golden_trace(shared):
    golden = np.loadtxt(shared("nir/lif_norse_exact.csv"), delimiter=",")
    current, membrane, fired = golden.T
    for discretization in ("euler", "exponential"):
        how = Conventions(discretization=discretization)
        network = import_nir(shared("nir/lif_norse.nir"), how, timesteps=len(golden))
        trace = run_hard(network, current[:, None, None])
        name = network.populations[0].name
        spikes = trace.spikes[name][:, 0, 0]
        assert_array_equal(spikes, fired == 1)
        assert np.nonzero(spikes)[0].tolist() == [460, 510, 710, 760]
    # The golden membrane is the exact solution, whose reset falls between two timesteps.
    found = trace.margins[name][:, 0, 0] + network.populations[0].neuron.threshold
    np.testing.assert_allclose(found[:460], membrane[:460], rtol=0, atol=1e-6)


@pytest.mark.parametrize("bits", [8, 4])
def test_braille_network_in_float_and_integers(shared, bits):
    inputs = (np.random.default_rng(0).random((256, 4, 12)) < 0.15).astype(np.uint8)
    path = shared("nir/braille_noDelay_bias_zero.nir")
    network = import_nir(path, timesteps=256)
    assert [p.size for p in network.populations] == [38, 7, 7]
    assert network.delayed() == {"lif1.lif->lif1.lif"}
    program = quantize(apply_passes(network), bits, inputs)
    expected = reference.load(program).run(inputs, record=True)
    found = fast.load(program).run(inputs, record=True)
    assert found.digests() == expected.digests()
    floating = run_hard(network, inputs)
    for name, spikes in floating.spikes.items():
        assert 0 < spikes.mean() < 0.5
        rate = expected.spikes[name].mean()
        # Exact spike times drift where a neuron fires by its own bias; rates do not.
        assert abs(rate - spikes.mean()) < (0.01 if bits == 8 else 0.1)


# The tools' own runs


def test_snntorch_export():
    import snntorch as snn

    torch.manual_seed(1)
    rng = np.random.default_rng(1)
    how = {
        "init_hidden": True,
        "spike_grad": double_spikes,
        "reset_mechanism": "zero",
        "reset_delay": False,
    }
    leaky = {"beta": torch.full((27,), 0.7), "threshold": torch.full((27,), 0.2)}
    slow = {"alpha": torch.full((9,), 0.4), "beta": torch.full((9,), 0.8)}
    net = nn.Sequential(
        nn.Linear(12, 27),
        snn.Leaky(**leaky, **how),
        nn.Linear(27, 9),
        snn.Synaptic(**slow, threshold=torch.full((9,), 0.3), **how),
        nn.Linear(9, 6),
        snn.RLeaky(beta=0.8, linear_features=6, threshold=0.3, **how),
    ).double()
    inputs = rng.random((20, 4, 12)) < 0.4
    expected = run_recorded(net, (snn.Leaky, snn.Synaptic, snn.RLeaky), inputs, net)
    for layer in (net[1], net[3], net[5]):
        layer.reset_mem()
    network = import_nir(snntorch_graph(net, (12,)), timesteps=20)
    compare(run_hard(network, inputs).spikes, expected)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_norse_export():
    import norse.torch as norse
    from norse.torch.utils.export_nir import to_nir

    torch.manual_seed(1)
    rng = np.random.default_rng(1)

    def cell(size, rate, threshold, leak):
        values = (np.full(size, rate), threshold, leak)
        tensors = [torch.tensor(np.broadcast_to(v, size).copy()) for v in values]
        names = ("tau_mem_inv", "v_th", "v_leak")
        return norse.LIFBoxCell(norse.LIFBoxParameters(**dict(zip(names, tensors, strict=True))))

    first = cell(9, 100.0, rng.uniform(0.02, 0.1, 9), rng.uniform(-0.02, 0.02, 9))
    net = norse.SequentialState(nn.Linear(12, 9), first, nn.Linear(9, 4), cell(4, 50.0, 0.02, 0.0))
    net = net.double()
    inputs = rng.random((40, 4, 12)) < 0.4
    state = None

    def step(now):
        nonlocal state
        _, state = net(now, state)

    expected = run_recorded(net, (norse.LIFBoxCell,), inputs, step)
    # Norse's export multiplies its time constants, which are seconds, by this dt.
    exported = to_nir(net, torch.zeros(1, 12, dtype=torch.float64), dt=1.0)
    network = import_nir(exported, Conventions(dt=1e-3), timesteps=40)
    compare(run_hard(network, inputs).spikes, expected)


def test_spikingjelly_export():
    activation = pytest.importorskip("spikingjelly.activation_based")
    from spikingjelly.activation_based import layer, neuron
    from spikingjelly.activation_based.nir_exchange import export_to_nir

    assert activation
    torch.manual_seed(1)
    net = nn.Sequential(
        layer.Conv2d(2, 3, 3, padding=1),
        layer.AvgPool2d(2),
        neuron.IFNode(v_threshold=0.7, v_reset=-0.1),
        layer.Flatten(),
        layer.Linear(27, 9),
        neuron.LIFNode(tau=2.5, v_threshold=0.3, v_reset=0.0),
        layer.Linear(9, 5),
        neuron.LIFNode(tau=3.0, decay_input=False, v_threshold=0.3, v_reset=-0.05),
    ).double()
    inputs = np.random.default_rng(1).random((20, 4, 2, 6, 6)) < 0.4
    expected = run_recorded(net, (neuron.IFNode, neuron.LIFNode), inputs, net)
    for module in (net[2], net[5], net[7]):
        module.reset()
    exported = export_to_nir(net, torch.zeros(1, 2, 6, 6, dtype=torch.float64))
    network = import_nir(exported, timesteps=20)
    compare(run_hard(network, inputs.reshape(20, 4, -1)).spikes, expected)


def compare(spikes, expected):
    assert len(spikes) == len(expected)
    for found, meant in zip(spikes.values(), expected.values(), strict=True):
        assert 0.005 < meant.mean() < 0.9
        assert_array_equal(found, meant)
