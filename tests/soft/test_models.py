"""Architectures: golden network, soft at ε = 0 against the hard network, save and load back."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from ultralif_deploy.data.encoders import Encoder
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.network.running import run_hard
from ultralif_deploy.passes import apply_passes
from ultralif_deploy.soft.checkpoint import load_checkpoint
from ultralif_deploy.soft.checkpoint_file import save
from ultralif_deploy.soft.checkpoint_names import released_key, released_name
from ultralif_deploy.soft.hardening import READOUT, harden
from ultralif_deploy.soft.network import Architecture, SoftNetwork
from ultralif_deploy.soft.neurons.kinds import ABLATION, RELEASED, default_theta
from ultralif_deploy.soft.shapes import Shapes

CHECKPOINT = "golden/ultratplif2_bn_T6_seed11.pt"


@pytest.fixture(params=[False, True], ids=["plain", "skip"])
def golden(request, shared):
    """The golden network in float64, its inputs, and the expected arrays."""
    network = load_checkpoint(shared(CHECKPOINT), dtype=torch.float64, skip=request.param).network
    with np.load(shared("golden/deep_bn_T6.npz"), allow_pickle=False) as file:
        infix = "_skip" if request.param else ""
        expected = {
            name: file[name.replace(".", f"{infix}.", 1)]
            for name in ("soft.logits", "hard.logits", "hard.spikes")
        }
        return network, file["input_spikes"], expected


def test_golden_soft_logits(golden):
    network, inputs, expected = golden
    with torch.no_grad():
        trace = network(torch.tensor(inputs, dtype=torch.float64))
    # 1e-9: the README's bound for soft values in float64.
    assert_allclose(trace.logits.numpy(), expected["soft.logits"], rtol=0, atol=1e-9)


def test_golden_hard_spikes(golden):
    network, inputs, expected = golden
    with torch.no_grad():
        trace = network(torch.tensor(inputs, dtype=torch.float64), 0.0)
    assert_allclose(trace.logits.numpy(), expected["hard.logits"], rtol=0, atol=1e-9)
    for layer in (1, 2):
        spikes = trace.spikes[f"neuron{layer}"].numpy()
        assert_array_equal(spikes, expected["hard.spikes"][:, layer - 1])


@pytest.mark.parametrize("passes", [False, True], ids=["as hardened", "after all passes"])
def test_golden_hard_network(golden, passes):
    network, inputs, expected = golden
    hard = harden(network, Encoder("rate", 6))
    trace = run_hard(apply_passes(hard) if passes else hard, inputs.astype(np.uint8))
    assert_allclose(trace.logits, expected["hard.logits"], rtol=0, atol=1e-9)
    for layer in (1, 2):
        assert_array_equal(trace.spikes[f"neuron{layer}"], expected["hard.spikes"][:, layer - 1])


WIDTHS = {"SNN": (6, 5, 3), "DeepSNN": (6, 5, 5, 3), "TripleSNN": (6, 5, 5, 5, 3)}
SHAPES = [
    (name, batch_norm, skip)
    for name in WIDTHS
    for batch_norm in (False, True)
    for skip in (False, True)
    if not (skip and name == "SNN")
]


def architecture(name, kind, batch_norm=False, skip=False):
    learned = {"_tau", "_log_tau"} & set(RELEASED[kind].parameter_names if kind in RELEASED else ())
    tau = 0.9 if learned else 0.8  # where τ is learned, 0.9 is the value before training
    theta = default_theta(kind, False)
    return Architecture(WIDTHS[name], kind, batch_norm, skip, theta=theta, tau=tau)


def ablation(kind):
    return Architecture((6, 5, 3), kind, spiking_output=True, theta=1.0, tau=0.9)


EVERY = [architecture("SNN", kind) for kind in RELEASED]
EVERY += [architecture(name, "ultratplif", bn, skip) for name, bn, skip in SHAPES]
EVERY += [architecture("DeepSNN", kind, True, True) for kind in RELEASED if kind != "ultratplif"]
EVERY += [ablation(kind) for kind in ABLATION]


def described(a):
    form = "ablation" if a.spiking_output else a.name
    return f"{form}-{a.neuron}{'-bn' * a.batch_norm}{'-skip' * a.skip}"


def trained(a, seed=3):
    """A float64 network whose parameters and batch norm statistics are all off their defaults."""
    network = SoftNetwork(a, seed).double()
    draw = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for key, value in network.state_dict().items():
            if value.is_floating_point():
                noise = torch.rand(value.shape, generator=draw, dtype=value.dtype)
                scale = 4.0 if key.startswith("fc") else 0.3
                value.add_(scale * (noise if key.endswith(("var", "bias")) else noise - 0.5))
    return network.eval()


def inputs_of(a, time=5, batch=9):
    return np.random.default_rng(0).integers(0, 2, (time, batch, a.widths[0])).astype(np.uint8)


@pytest.mark.parametrize("a", EVERY, ids=described)
def test_save_and_load_back(tmp_path, a):
    network = trained(a)
    path = tmp_path / "net.pt"
    save(path, network, {"epoch": 3}, {"timesteps": 5})
    back = load_checkpoint(path, dtype=torch.float64)
    assert back.network.architecture == a
    assert (back.timesteps, back.record["epoch"]) == (5, 3)
    state = back.network.state_dict()
    for key, value in network.state_dict().items():
        assert_array_equal(state[key].numpy(), value.numpy(), key, strict=True)
    inputs = torch.tensor(inputs_of(a), dtype=torch.float64)
    with torch.no_grad():
        for factor in (1.0, 0.0):
            expected, given = network(inputs, factor), back.network(inputs, factor)
            assert_array_equal(given.logits.numpy(), expected.logits.numpy(), strict=True)


@pytest.mark.parametrize("a", EVERY, ids=described)
def test_the_limit_of_epsilon_is_the_hard_network(a):
    network = trained(a)
    values = inputs_of(a)
    with torch.no_grad():
        soft = network(torch.tensor(values, dtype=torch.float64), 0.0)
    hard = harden(network, Encoder("rate", 5))
    trace = run_hard(hard, values)
    # float64 rounding moves no current by 1e-12, and no membrane comes that close to θ.
    assert min(np.abs(m).min() for m in trace.margins.values()) > 1e-9
    assert set(trace.spikes) == set(soft.spikes)
    for name, spikes in soft.spikes.items():
        assert_array_equal(trace.spikes[name], spikes.numpy(), name)
    rate = np.mean([s.mean() for s in trace.spikes.values()])
    assert 0.05 < rate < 0.95
    assert float(soft.spike_rate()) == pytest.approx(rate, rel=1e-12)
    assert_allclose(trace.logits, soft.logits.numpy(), rtol=0, atol=1e-12)


def test_ablation_reads_out_mean_spikes():
    hard = harden(trained(ablation("ultradlif")), Encoder("rate", 5))
    assert [p.name for p in hard.populations] == ["lif1", "lif2", READOUT]
    trace = run_hard(hard, inputs_of(ablation("ultradlif")))
    assert_array_equal(trace.logits, trace.spikes["lif2"].mean(axis=0))


def test_skip_adds_the_layers_before():
    a = architecture("TripleSNN", "ultratlif", skip=True)
    hard = harden(trained(a), Encoder("rate", 5))
    pairs = [(p.source, p.target) for p in hard.projections]
    assert pairs == [
        ("input", "neuron1"),
        ("neuron1", "neuron2"),
        ("neuron1", "neuron3"),
        ("neuron2", "neuron3"),
        ("neuron1", READOUT),
        ("neuron2", READOUT),
        ("neuron3", READOUT),
    ]


@pytest.mark.parametrize("a", [a for a in EVERY if not a.spiking_output], ids=described)
def test_released_key_names_the_architecture(a):
    name = released_name(f"{released_key(a)}_T7_sp0.1_seed3")
    assert name is not None
    assert (name.neuron, name.timesteps, name.unknown) == (a.neuron, 7, ())
    assert name.layers == (1 if a.channels else a.hidden)
    marks = {"bn": a.batch_norm and not a.residual, "res": a.skip, "sl": a.stateless}
    assert {mark: mark in name.marks for mark in marks} == marks
    found = Shapes(a.widths, a.channels, residual=a.residual)
    assert name.contradictions(found, a.batch_norm) == []


def test_initial_weights_follow_the_seed_alone():
    a = architecture("DeepSNN", "ultratlif")
    torch.manual_seed(1)
    before = torch.rand(3)
    torch.manual_seed(1)
    first, again, other = SoftNetwork(a, 5), SoftNetwork(a, 5), SoftNetwork(a, 6)
    assert_array_equal(torch.rand(3).numpy(), before.numpy())
    assert_array_equal(first.fc1.weight.detach().numpy(), again.fc1.weight.detach().numpy())
    assert (first.fc1.weight != other.fc1.weight).any()


def test_mean_epsilon_over_neurons():
    network = SoftNetwork(architecture("DeepSNN", "ultratlif"))
    with torch.no_grad():
        network.neuron1._log_eps.fill_(0.0)
        network.neuron2._log_eps.fill_(9.0)
    assert network.epsilon() == pytest.approx((1 + 20) / 2)


def test_unknown_kind():
    with pytest.raises(UltralifError, match="neuron kind 'izhikevich' is unknown; available: ultr"):
        SoftNetwork(architecture("SNN", "izhikevich"))
