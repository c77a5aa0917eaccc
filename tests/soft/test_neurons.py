"""Soft neurons: golden trajectories, traces derived by hand, the hard limit, straight-through."""

import json
import math

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal

from ultralif_deploy.soft.neurons import baselines, max_plus, ring
from ultralif_deploy.soft.neurons.kinds import ABLATION, RELEASED, default_theta

GOLDEN = {
    "ultralif": max_plus.UltraLIF,
    "ultralif_theta1": max_plus.UltraLIF,
    "ultraplif_growing": max_plus.UltraPLIF,
    "ultralif_ds": max_plus.UltraLIFDS,
    "ultradlif_released": ring.UltraDLIF,
    "ultradlif_paper": ring.PaperUltraDLIF,
    "ultradplif_paper": ring.PaperUltraDPLIF,
    "lif": baselines.LIF,
    "dspike": baselines.DSpike,
    "sigmalif": baselines.SigmaLIF,
    "adalif": baselines.AdaLIF,
    "hard_ultralif": max_plus.UltraLIF,
    "hard_ultralif_theta1": max_plus.UltraLIF,
    "hard_growing": max_plus.UltraPLIF,
    "hard_ultradlif_released": ring.UltraDLIF,
    "hard_ultradlif_paper": ring.PaperUltraDLIF,
}


def set_parameters(neuron, **values):
    """Give raw parameters in float64; every one must exist."""
    neuron.double()
    with torch.no_grad():
        for name, value in values.items():
            getattr(neuron, name).fill_(value)
    return neuron


def trajectory(neuron, current, factor=1.0):
    """Spikes and membranes after the reset, both [time, …], for a current [time, …, neuron]."""
    now = torch.as_tensor(np.asarray(current, dtype=np.float64))
    state = neuron.initial_state(now[0])
    spikes, membranes = [], []
    with torch.no_grad():
        for current_now in now:
            spike, state = neuron.step(current_now, state, factor)
            spikes.append(spike.numpy())
            membranes.append(state[0].numpy())
        assert_array_equal(neuron(now, factor).numpy(), np.stack(spikes))
    return np.stack(spikes), np.stack(membranes)


def golden_neuron(kind, p):
    tau = p.get("tau", math.exp(p.get("log_tau", math.log(0.9))))
    raw = {}
    if "epsilon" in p:
        raw["_log_eps"] = math.log(p["epsilon"])
    if kind in (max_plus.UltraPLIF, ring.PaperUltraDPLIF):
        raw["_log_tau"] = p.get("log_tau", math.log(tau))
    if "spike_scale" in p:
        raw["_log_spike_scale"] = math.log(p["spike_scale"])
    if "k" in p:
        raw["_b"] = math.log(math.expm1(p["k"]))  # softplus(_b) = k
    return set_parameters(kind(p.get("theta", 0.0), tau), **raw)


@pytest.mark.parametrize("case", GOLDEN)
def test_golden_trajectory(shared, case):
    parameters = json.loads(shared("golden/neurons.json").read_text("utf-8"))
    assert set(parameters) == set(GOLDEN)
    neuron = golden_neuron(GOLDEN[case], parameters[case])
    with np.load(shared("golden/neurons.npz"), allow_pickle=False) as golden:
        hard = case.startswith("hard_")
        spikes, membranes = trajectory(neuron, golden["current"], 0.0 if hard else 1.0)
        if hard:
            assert_array_equal(spikes, golden[f"{case}.spike"])
        else:
            # 1e-9: the README's bound; both sides are float64.
            np.testing.assert_allclose(spikes, golden[f"{case}.spike"], rtol=0, atol=1e-9)
            if case == "adalif":
                assert "adalif.membrane_after_reset" not in golden.files
                return
            expected = golden[f"{case}.membrane_after_reset"]
            np.testing.assert_allclose(membranes, expected, rtol=0, atol=1e-9)


def column(values):
    return np.array(values, dtype=float)[:, None]


def test_hard_ultralif_by_hand():
    neuron = set_parameters(max_plus.UltraLIF(1.0, math.exp(-0.5)))
    spikes, v = trajectory(neuron, column([0.75, -9, 1, -9, -9, 1.25]), 0.0)
    # max(0 − 0.5, 0.75); 0.75 − 0.5; 1 = θ fires; 0 − 0.5; −0.5 − 0.5; 1.25 fires
    assert spikes[:, 0].tolist() == [0, 0, 1, 0, 0, 1]
    assert v[:, 0].tolist() == [0.75, 0.25, 0, -0.5, -1, 0]


def test_hard_ultraplif_that_grows_by_hand():
    neuron = set_parameters(max_plus.UltraPLIF(1.0, 0.9), _log_tau=0.5)
    spikes, v = trajectory(neuron, column([0, 0, 0, -9, 0.75, 0]), 0.0)
    # 0.5; 1 = θ fires without any current; 0.5; 1 fires; 0.75; 1.25 fires
    assert spikes[:, 0].tolist() == [0, 1, 0, 1, 0, 1]
    assert v[:, 0].tolist() == [0.5, 0, 0.5, 0, 0.75, 0]


def test_soft_ultralif_by_hand():
    # ε = 1, τ = ½, I = log ½: v = log(½ + ½) = 0, s = σ(0) = ½, v stays 0.
    neuron = set_parameters(max_plus.UltraLIF(0.0, 0.5))
    spikes, v = trajectory(neuron, column([math.log(0.5)] * 3))
    np.testing.assert_allclose(spikes[:, 0], [0.5] * 3, rtol=0, atol=1e-15)
    np.testing.assert_allclose(v[:, 0], [0.0] * 3, rtol=0, atol=1e-15)


def test_disentangled_spike_by_hand():
    # As above with θ = −log 3 and β = 2: s = σ(2·log 3) = 9/10.
    neuron = set_parameters(max_plus.UltraLIFDS(-math.log(3), 0.5), _log_spike_scale=math.log(2))
    spikes, _ = trajectory(neuron, column([math.log(0.5)]))
    np.testing.assert_allclose(spikes[:, 0], [0.9], rtol=0, atol=1e-15)


def test_hard_released_ring_by_hand():
    neuron = set_parameters(ring.UltraDLIF(1.0, 0.5))
    spikes, v = trajectory(neuron, [[2, 0, 0, -4, 0], [0, 0, 0, 0, 0], [0, 0, 0, 2, 0]], 0.0)
    # t0: the ring maxima of (2, 0, 0, −4, 0) are (2, 2, 0, 0, 2); the first, second, last fire.
    # t1: (0, 0, 0, −2, 0). t2: (0, 0, 0, 1, 0): neuron 3 and both neighbours fire.
    assert spikes.tolist() == [[1, 1, 0, 0, 1], [0, 0, 0, 0, 0], [0, 0, 1, 1, 1]]
    assert v.tolist() == [[0, 0, 0, -4, 0], [0, 0, 0, -2, 0], [0, 0, 0, 0, 0]]


def test_hard_paper_ring_by_hand():
    neuron = set_parameters(ring.PaperUltraDLIF(1.0, 0.9))
    spikes, v = trajectory(neuron, [[0.75, 0, 0, 0], [0, 0, 0, -9], [0, 0.25, 0, 0]], 0.0)
    # t1: the neighbours of neuron 0 take over its 0.75, but −9. t2: 0.75 reaches 2; 1 = θ fires.
    assert spikes.tolist() == [[0, 0, 0, 0], [0, 0, 0, 0], [0, 1, 0, 0]]
    assert v.tolist() == [[0.75, 0, 0, 0], [0.75, 0.75, 0, -8.25], [0.75, 0, 0.75, 0.75]]


def test_paper_ring_with_learned_leak_by_hand():
    neuron = set_parameters(ring.PaperUltraDPLIF(9.0, 0.9), _log_tau=math.log(0.5))
    _, v = trajectory(neuron, [[4, -4, -4, -4], [0, 0, 0, 0]], 0.0)
    # max(−4, ½·4, −4); then 4 from the neighbour; max(−4, −2, −4)
    np.testing.assert_allclose(v[1], [2, 4, -2, 4], rtol=0, atol=1e-15)


def test_hard_lif_by_hand():
    neuron = set_parameters(baselines.LIF(0.5, 0.5))
    spikes, v = trajectory(neuron, column([0.25, 0.25, 0.3125, -1, 0.75]), 0.0)
    assert spikes[:, 0].tolist() == [0, 0, 1, 0, 0]
    assert v[:, 0].tolist() == [0.25, 0.375, 0, -1, 0.25]


def test_soft_lif_by_hand():
    neuron = set_parameters(baselines.LIF(0.5, 0.5))
    spikes, v = trajectory(neuron, column([0.5, 0.25 + math.log(3) / 10]))
    # σ(0) leaves 0.25; 0.125 + 0.25 + …: 10(v − θ) = log 3 − 1.25
    second = 1 / (1 + math.exp(1.25) / 3)
    np.testing.assert_allclose(spikes[:, 0], [0.5, second], rtol=0, atol=1e-15)
    assert v[0, 0] == 0.25


def test_learned_decay_and_threshold_by_hand():
    neuron = set_parameters(baselines.FullPLIF(0.5, 0.9), _tau=0.0, _thresh=math.log(3))
    spikes, v = trajectory(neuron, column([0.5, 0.625, 0]), 0.0)
    # τ = ½, θ = σ(log 3) = 0.75: 0.5, then 0.875 fires, then 0
    assert spikes[:, 0].tolist() == [0, 1, 0]
    assert v[:, 0].tolist() == [0.5, 0, 0]


def test_sigmalif_by_hand():
    neuron = set_parameters(baselines.SigmaLIF(0.0, 0.5), _log_eps=math.log(2))
    spikes, _ = trajectory(neuron, column([2 * math.log(3)]))
    np.testing.assert_allclose(spikes[:, 0], [0.75], rtol=0, atol=1e-15)


def test_dspike_by_hand():
    neuron = set_parameters(baselines.DSpike(0.5, 0.9), _b=math.log(math.expm1(4)))
    spikes, _ = trajectory(neuron, [[0.0, 0.5, 1.0, -7.0, 7.0]])
    # x = v: 0 at 0, ½ at the threshold, 1 at 1; clipped outside; the guard 1e-8 costs 1e-8.
    np.testing.assert_allclose(spikes[0], [0, 0.5, 1, 0, 1], rtol=0, atol=1.1e-8)


def test_adaptive_threshold_by_hand():
    neuron = set_parameters(baselines.AdaLIF(0.5, 0.9))
    spikes, _ = trajectory(neuron, column([0.5, 0.505, 0.515, 0.505]), 0.0)
    # b: 0.1 after the first spike, 0.09 after the silence, then 0.181: θ 0.5, 0.51, 0.509, 0.5181
    # but v = 0.9·0.505 + 0.515 in the third timestep.
    assert spikes[:, 0].tolist() == [1, 0, 1, 0]


@pytest.mark.parametrize(("log_epsilon", "epsilon"), [(-9.0, 0.1), (9.0, 20.0), (0.0, 1.0)])
def test_epsilon_is_clamped(log_epsilon, epsilon):
    for kind in (max_plus.UltraLIF, ring.UltraDLIF, baselines.SigmaLIF):
        neuron = set_parameters(kind(0.0, 0.9), _log_eps=log_epsilon)
        assert neuron.temperature().item() == pytest.approx(epsilon, rel=1e-15)


@pytest.mark.parametrize(("raw", "k"), [(-9.0, 0.5), (90.0, 50.0)])
def test_dspike_slope_is_clipped(raw, k):
    neuron = set_parameters(baselines.DSpike(0.5, 0.9), _b=raw)
    assert neuron.temperature().item() == pytest.approx(1 / k, rel=1e-15)


def test_log_tau_may_be_positive_but_not_in_the_ablation():
    assert set_parameters(max_plus.UltraPLIF(0, 0.9), _log_tau=0.3).log_tau().item() == 0.3
    for raw, used in ((0.3, -0.01), (-9.0, -2.3), (-1.0, -1.0)):
        clamped = set_parameters(max_plus.AblationUltraPLIF(0, 0.9), _log_tau=raw)
        assert clamped.log_tau().item() == used


KINDS = [(kind, False) for kind in RELEASED] + [(kind, True) for kind in ABLATION]


def drawn(kind, ablation):
    rng = np.random.default_rng(7)
    neuron = (ABLATION if ablation else RELEASED)[kind](default_theta(kind, ablation), 0.9)
    current = rng.normal(0.0, 1.0, (8, 4, 6))
    return set_parameters(neuron), current


@pytest.mark.parametrize(("kind", "ablation"), KINDS)
def test_soft_neurons_approach_the_hard_limit(kind, ablation):
    neuron, current = drawn(kind, ablation)
    hard, hard_v = trajectory(neuron, current, 0.0)
    assert 0.05 < hard.mean() < 0.95
    soft, soft_v = trajectory(neuron, current, 1e-7)
    # ε·log 3 bounds the soft maximum's excess per timestep, with ε = 1e-7. These currents bring no
    # membrane within 1e-5 of its threshold, and beyond that σ is within e^-100 of 0 or 1. DSpike
    # divides by 2·tanh(k/2) + 1e-8.
    np.testing.assert_allclose(soft, hard, rtol=0, atol=1e-8 if "dspike" in kind else 1e-12)
    np.testing.assert_allclose(soft_v, hard_v, rtol=0, atol=8 * 1e-7 * math.log(3))
    far, _ = trajectory(neuron, current, 1.0)
    assert np.abs(far - hard).max() > 0.1


@pytest.mark.parametrize(("kind", "ablation"), KINDS)
def test_straight_through_is_hard_forward_and_soft_backward(kind, ablation):
    neuron, current = drawn(kind, ablation)
    inputs = torch.tensor(current, requires_grad=True)
    spikes = neuron(inputs, 0.0, straight_through=True)
    hard, _ = trajectory(neuron, current, 0.0)
    # soft + (hard − soft) rounds to within one unit in the last place of 1.
    np.testing.assert_allclose(spikes.detach().numpy(), hard, rtol=0, atol=2.3e-16)
    spikes.sum().backward()
    assert torch.isfinite(inputs.grad).all()
    assert (inputs.grad[0] != 0).any()
    # At the first timestep both states are 0, so the derivative is that of the soft neuron; that
    # of a neuron without memory is a threshold unit's.
    memoryless = isinstance(neuron, max_plus.UltraLIF) and neuron.has_no_memory()
    first = torch.tensor(current[:1], requires_grad=True)
    (neuron.spike(first, 1.0) if memoryless else neuron(first)).sum().backward()
    again = torch.tensor(current[:1], requires_grad=True)
    neuron(again, 0.0, straight_through=True).sum().backward()
    assert_array_equal(first.grad.numpy(), again.grad.numpy())


@pytest.mark.parametrize(
    ("theta", "log_tau", "memoryless"),
    [
        (0.0, -0.1, True),
        (0.0, 0.0, False),
        (1.0, 0.0, True),
        (1.0, 0.1, False),
        (-1.0, -0.5, False),
    ],
)
def test_memory_of_ultraplif(theta, log_tau, memoryless):
    neuron = set_parameters(max_plus.UltraPLIF(theta, 0.9), _log_tau=log_tau)
    assert neuron.has_no_memory() == memoryless
    current = np.random.default_rng(1).normal(theta, 1.0, (20, 3, 5))
    spikes, _ = trajectory(neuron, current, 0.0)
    assert np.array_equal(spikes, current >= theta) == memoryless
    ste = neuron(torch.tensor(current), 0.0, straight_through=True).detach().numpy()
    np.testing.assert_allclose(ste, spikes, rtol=0, atol=2.3e-16)


def test_growth_is_stopped_at_the_released_limit():
    neuron = set_parameters(max_plus.UltraPLIF(0.0, 0.9), _log_tau=0.2)
    assert neuron.stop_growth()
    assert neuron.log_tau().item() == math.log(0.99)
    assert not neuron.stop_growth()


@pytest.mark.parametrize(("kind", "ablation"), KINDS)
def test_parameter_names_are_those_of_the_module(kind, ablation):
    neuron, _ = drawn(kind, ablation)
    assert set(neuron.parameter_names) == set(neuron.state_dict())


def test_default_thresholds():
    assert {kind: default_theta(kind, False) for kind in RELEASED} == {
        kind: 0.0 if kind.startswith("ultra") or kind == "sigmalif" else 0.5 for kind in RELEASED
    }
    assert {default_theta(kind, True) for kind in ABLATION} == {1.0}
