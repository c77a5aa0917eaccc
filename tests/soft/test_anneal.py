"""Annealing on a few digits: schedule, resuming, batch norm, quantization in the loop, sparsity."""

from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal

from ultralif_deploy.data import Split, load_dataset
from ultralif_deploy.data.encoders import Encoder
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.network.running import run_hard
from ultralif_deploy.passes import apply_passes
from ultralif_deploy.program.graph import Dense
from ultralif_deploy.quantization.calibration import CALIBRATION_SAMPLES, calibration_values
from ultralif_deploy.quantization.quantize import quantize
from ultralif_deploy.simulators.fast import simulator as fast
from ultralif_deploy.simulators.reference import simulator as reference
from ultralif_deploy.soft import checkpoint_file
from ultralif_deploy.soft.anneal import (
    STATE_FILE,
    AnnealOptions,
    fine_tune,
    schedule,
)
from ultralif_deploy.soft.hardening import harden
from ultralif_deploy.soft.network import Architecture, SoftNetwork
from ultralif_deploy.soft.reestimation import fitted_thresholds, reestimate, reestimate_batch_norm
from ultralif_deploy.soft.training import EpochResult, constant_plan, evaluate, fit, hold_out

ENCODER = Encoder("rate", 2, seed=5)
QUICK = AnnealOptions(epochs=4, batch_size=50)


def digits(count):
    return load_dataset("digits").train.cut(count)[0]


@cache
def trained(kind="ultratplif", widths=(64, 16, 10), batch_norm=False, epochs=4, samples=300):
    """A soft network after a few epochs; not to be changed."""
    network = SoftNetwork(Architecture(widths, kind, batch_norm))
    fit(network, digits(samples), ENCODER, constant_plan(epochs, 1e-2), batch_size=50)
    return network


def assert_same_state(a, b):
    assert set(a.state_dict()) == set(b.state_dict())
    for key, value in a.state_dict().items():
        assert_array_equal(b.state_dict()[key].numpy(), value.numpy(), key, strict=True)


# The schedule


@pytest.mark.parametrize("epochs", [1, 2, 3, 6, 9, 20])
def test_schedule(epochs):
    plan = schedule(AnnealOptions(epochs=epochs, learning_rate=1e-2))
    soft = [e for e in plan if not e.straight_through]
    assert len(plan) == epochs
    assert plan[: len(soft)] == soft
    assert len(soft) == epochs // 3
    factors = [e.factor for e in soft]
    if soft:
        assert factors[0] == 1.0
    if len(soft) > 1:
        assert factors[-1] == pytest.approx(0.1)
        ratios = [b / a for a, b in pairwise(factors)]
        assert ratios == pytest.approx([ratios[0]] * len(ratios))
    assert all(e.factor == 0.0 for e in plan[len(soft) :])
    rates = [e.learning_rate for e in plan]
    assert rates[0] == pytest.approx(1e-2)
    assert all(b < a for a, b in pairwise(rates))
    if epochs > 1:
        assert rates[-1] == pytest.approx(1e-2 / 20)


def test_figures_of_every_epoch():
    seen, shares = [], []
    options = AnnealOptions(epochs=6, batch_size=100)
    fine_tune(
        trained(),
        digits(300),
        ENCODER,
        options,
        on_epoch=seen.append,
        on_batch=lambda share, loss: shares.append((share, loss)),
    )
    assert [r.epoch for r in seen] == list(range(1, 7))
    assert seen[0].epsilon > 9 * seen[1].epsilon > 0
    assert [r.epsilon for r in seen[2:]] == [0.0] * 4
    for r in seen:
        assert min(r.soft_accuracy, r.hard_accuracy, r.spike_rate) >= 0
        assert max(r.soft_accuracy, r.hard_accuracy, r.spike_rate) <= 1
    assert [share for share, _ in shares] == [1 / 3, 2 / 3, 1.0] * 6
    # 270 samples to fit on: batches of 100, 100 and 70.
    mean = np.average([loss for _, loss in shares[:3]], weights=[100, 100, 70])
    assert seen[0].loss == pytest.approx(mean, rel=1e-12)


# Repeating and resuming


def test_the_same_run_twice_is_equal_and_leaves_its_argument_alone():
    network = trained()
    before = {k: v.clone() for k, v in network.state_dict().items()}
    first, second = (fine_tune(network, digits(200), ENCODER, QUICK) for _ in range(2))
    assert_same_state(first, second)
    assert not first.training
    for key, value in before.items():
        assert_array_equal(network.state_dict()[key].numpy(), value.numpy(), key)
    assert any((first.state_dict()[k] != v).any() for k, v in before.items())


class Interrupted(Exception):
    pass


def interrupt_after(epoch, network, train, options, directory):
    def stop(result):
        if result.epoch == epoch:
            raise Interrupted

    with pytest.raises(Interrupted):
        fine_tune(network, train, ENCODER, options, directory=directory, on_epoch=stop)


@pytest.mark.parametrize(
    ("network", "options", "labels"),
    [
        ({}, QUICK, True),
        ({"batch_norm": True}, QUICK, False),
        ({"kind": "ultradlif"}, AnnealOptions(epochs=4, batch_size=50, bits=4), True),
        ({"batch_norm": True}, AnnealOptions(epochs=4, batch_size=50, bits="ternary"), True),
    ],
    ids=["plain", "batch norm without labels", "ring of 4 bits", "ternary with batch norm"],
)
def test_an_interrupted_run_ends_like_an_uninterrupted_one(tmp_path, network, options, labels):
    train = digits(200) if labels else Split(digits(200).x, None)
    soft = trained(**network)
    whole = fine_tune(soft, train, ENCODER, options)
    for epoch in (1, 3):
        interrupt_after(epoch, soft, train, options, tmp_path)
        assert (tmp_path / STATE_FILE).exists()
        seen: list[EpochResult] = []
        resumed = fine_tune(soft, train, ENCODER, options, directory=tmp_path, on_epoch=seen.append)
        assert [result.epoch for result in seen] == list(range(epoch + 1, 5))
        assert_same_state(whole, resumed)
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("change", ["options", "seed", "data", "labels", "network"])
def test_another_run_is_not_resumed(tmp_path, change):
    train, options, network, encoder = digits(100), QUICK, trained(), ENCODER
    interrupt_after(1, network, train, options, tmp_path)
    if change == "options":
        options = AnnealOptions(epochs=4, batch_size=40)
    if change == "seed":
        encoder = Encoder("rate", 2, seed=6)
    if change == "data":
        train = Split(train.x[::-1], train.y)
    if change == "labels":
        train = Split(train.x, None)
    if change == "network":
        network = trained(epochs=3)
    seen: list[EpochResult] = []
    fine_tune(network, train, encoder, options, directory=tmp_path, on_epoch=seen.append)
    assert [result.epoch for result in seen] == [1, 2, 3, 4]


# Batch norm


def test_batch_norm_is_mended_without_labels():
    encoder, train, held = Encoder("rate", 4, seed=5), digits(1000), load_dataset("digits").test
    soft = SoftNetwork(Architecture((64, 48, 48, 10), "ultratplif", batch_norm=True))
    fit(soft, train, encoder, constant_plan(10, 5e-3), batch_size=50)
    unlabelled, options = Split(train.x, None), AnnealOptions(epochs=0)
    mended = fine_tune(soft, unlabelled, encoder, options)
    learned, _ = evaluate(soft, held, encoder, 1.0)
    naive, _ = evaluate(soft, held, encoder, 0.0)
    after, _ = evaluate(mended, held, encoder, 0.0)
    # Here 82, 74 and 81 %: naive hardening loses points, re-estimation wins back most of them.
    assert learned > 0.75
    assert naive < learned - 0.03
    assert after > (naive + learned) / 2
    # Statistics that are wrong altogether are found again to the bit: nothing else was changed.
    with torch.no_grad():
        soft.bn1.running_mean += 1.0
        soft.bn2.running_var *= 9.0
    assert evaluate(soft, held, encoder, 0.0)[0] < 0.5
    assert_same_state(fine_tune(soft, unlabelled, encoder, options), mended)


def test_statistics_are_those_of_the_hard_currents():
    network = SoftNetwork(Architecture((64, 12, 12, 10), "ultratlif", True)).eval()
    train = digits(700)  # more than one block of samples
    assert reestimate_batch_norm(network, train, ENCODER) == 2
    inputs = np.concatenate([values for _, values in ENCODER.blocks(train.x)], axis=1)
    signal = inputs.astype(np.float64)
    for linear, norm, stage in list(network.layers())[:2]:
        current = signal @ linear.weight.detach().double().numpy().T
        current = (current + linear.bias.detach().double().numpy()).reshape(-1, 12)
        # float32 currents of at most 64 summands below 1: 2^-24 each, squared and cancelled.
        np.testing.assert_allclose(norm.running_mean, current.mean(axis=0), rtol=0, atol=1e-5)
        np.testing.assert_allclose(norm.running_var, current.var(axis=0), rtol=0, atol=1e-4)
        with torch.no_grad():
            signal = (
                network(torch.from_numpy(inputs).float(), 0.0).spikes[stage.name].double().numpy()
            )


def test_networks_without_batch_norm_are_left_alone():
    network = trained()
    before = {k: v.clone() for k, v in network.state_dict().items()}
    assert reestimate_batch_norm(network, digits(100), ENCODER) == 0
    for key, value in before.items():
        assert_array_equal(network.state_dict()[key].numpy(), value.numpy(), key)


# Membranes that grew


def explained(i, s, q):
    """How much of the squared error of s the hard spike [i ≥ q] takes away, by least squares."""
    fired = i >= q
    if fired.all() or not fired.any() or s[fired].mean() <= s[~fired].mean():
        return 0.0
    groups = sum(((s[which] - s[which].mean()) ** 2).sum() for which in (fired, ~fired))
    return ((s - s.mean()) ** 2).sum() - groups


def test_fitted_thresholds_by_hand():
    current = torch.tensor([0.0, 1.0, 2.0, 3.0])
    spikes = torch.tensor([[0.1, 0.2, 0.8, 0.9], [0.0, 0.0, 0.0, 1.0], [1.0, 0.9, 0.2, 0.1]])
    fitted = fitted_thresholds(current[:, None, None].expand(4, 3, 1), spikes.T[:, :, None])
    assert_array_equal(fitted.numpy(), np.array([1.5, 2.5, np.nan], np.float32))
    same = torch.ones(4, 1, 1)
    assert fitted_thresholds(same, spikes[0][:, None, None]).isnan().all()


def test_no_threshold_is_better_than_the_fitted_one():
    rng = np.random.default_rng(0)
    for size in (2, 3, 5, 12):
        i = rng.integers(0, 6, (size, 20, 3)).astype(np.float32)  # ties
        s = rng.random((size, 20, 3)).astype(np.float32)
        fitted = fitted_thresholds(torch.from_numpy(i), torch.from_numpy(s)).numpy()
        for channel, q in enumerate(fitted):
            current, spikes = i[:, channel].ravel(), s[:, channel].ravel().astype(np.float64)
            best = max(explained(current, spikes, c - 0.5) for c in range(7))
            found = 0.0 if np.isnan(q) else explained(current, spikes, q)
            assert found == pytest.approx(best, rel=1e-9)


GROWN = {
    "dense with skip": Architecture((64, 8, 8, 8, 10), "ultratplif", True, skip=True),
    "dense without batch norm": Architecture((64, 9, 10), "ultratplif"),
    "convolutions": Architecture((64, 10), "ultratplif", True, channels=(1, 3, 4), side=8),
    "residual": Architecture(
        (64, 10), "ultratplif", True, channels=(1, 3, 3, 5), side=8, residual=True
    ),
}


@pytest.mark.parametrize("name", GROWN)
def test_hard_spikes_of_grown_membranes_tell_more_of_the_soft_ones(name):
    soft, train = SoftNetwork(GROWN[name], 1).eval(), digits(60)
    plain = SoftNetwork(GROWN[name], 1)  # log τ < 0 as ever, and the same weights
    with torch.no_grad():
        for stage in soft.stages()[:-1:2]:
            stage.neuron._log_tau.fill_(0.3)
    before = {k: v.clone() for k, v in soft.state_dict().items()}
    fitted = reestimate(soft, Split(train.x, None), ENCODER)
    for key, value in before.items():
        assert_array_equal(soft.state_dict()[key].numpy(), value.numpy(), key)
    for stage in fitted.stages()[:-1]:
        assert stage.neuron.log_tau() <= np.log(0.99)
    reestimate_batch_norm(plain, train, ENCODER)
    reestimate_batch_norm(soft, train, ENCODER, factor=1.0)
    ((_, inputs),) = ENCODER.blocks(train.x)
    first, linear = soft.stages()[0].name, soft.stages()[0].branches[0].linear

    def spikes(network, factor):
        values = network(torch.from_numpy(inputs).float(), factor).spikes[first].detach()
        return values.reshape(2 * 60, len(linear.weight), -1).double().numpy()

    wanted, better, worse = spikes(soft, 1.0), spikes(fitted, 0.0), spikes(plain, 0.0)
    changed = 0
    for c in range(len(linear.weight)):
        gains = [explained(s[:, c].ravel(), wanted[:, c].ravel(), 0.5) for s in (better, worse)]
        assert gains[0] >= gains[1] * (1 - 1e-9)
        changed += gains[0] > gains[1] * (1 + 1e-3)
    assert changed > 0


def test_only_grown_membranes_have_their_threshold_fitted():
    soft = trained(batch_norm=True)
    assert soft.neuron.log_tau() < 0
    plain = SoftNetwork(soft.architecture)
    plain.load_state_dict(soft.state_dict())
    reestimate_batch_norm(plain, digits(100), ENCODER)
    assert_same_state(reestimate(soft, digits(100), ENCODER), plain)
    with torch.no_grad():  # negative θ: a membrane that the hard limit keeps has no such threshold
        plain.neuron._log_tau.fill_(0.3)
    plain.neuron.theta = -1.0
    expected = {k: v.clone() for k, v in plain.state_dict().items()}
    kept = reestimate(plain, digits(100), ENCODER)
    assert_array_equal(kept.bn1.bias.detach().numpy(), expected["bn1.bias"].numpy())


# Quantization in the loop


def assert_weights_are_on_their_grid(soft, encoder, bits):
    """Fine-tune in the loop and deploy; returns the hard network, the program and its inputs."""
    train = digits(200)
    options = AnnealOptions(epochs=3, batch_size=50, bits=bits)
    network = apply_passes(harden(fine_tune(soft, train, encoder, options), encoder))
    calibration = calibration_values(train, encoder)
    program = quantize(network, bits, calibration)
    for projection in network.projections:
        assert isinstance(projection.map, Dense)
        (made,) = [p for p in program.projections if p.name == projection.name]
        scale = program.population(projection.target).scale[:, None]
        weight = projection.map.weight
        # The weights are float32, scaled by a float32 gain and back: a few roundings of 2^-24.
        bound = 8 * 2.0**-24 * np.abs(weight).max()
        np.testing.assert_allclose(scale * made.map.matrix(), weight, rtol=0, atol=bound)
    return network, program, calibration


@pytest.mark.parametrize("bits", [8, 3, "ternary"])
@pytest.mark.parametrize("batch_norm", [False, True], ids=["plain", "batch norm"])
@pytest.mark.parametrize("kind", ["ultratplif", "ultradlif", "lif"])
def test_weights_are_those_that_will_be_quantized(kind, batch_norm, bits):
    soft = trained(kind, (64, 12, 12, 10), batch_norm, epochs=2, samples=200)
    network, program, values = assert_weights_are_on_their_grid(soft, ENCODER, bits)
    if kind == "ultratplif":
        values = values[:, :100]
        hard, integer = run_hard(network, values), reference.load(program).run(values, record=True)
        agree = [np.mean(hard.spikes[n] == s) for n, s in integer.spikes.items()]
        assert min(agree) > 0.999


@pytest.mark.parametrize("bits", [4, "ternary"])
def test_skip_and_constant_input_keep_the_grid(bits):
    a = Architecture((64, 12, 12, 12, 10), "ultratplif", batch_norm=True, skip=True)
    encoder = Encoder("constant", 3, normalize="mnist")
    _, program, _ = assert_weights_are_on_their_grid(SoftNetwork(a, 2), encoder, bits)
    assert program.timesteps == 1
    assert len(program.projections) == 1 + 1 + 2 + 3


def test_only_quantization_in_the_loop_keeps_the_hard_predictions():
    train, held = digits(600), load_dataset("digits").test
    soft = trained(widths=(64, 16, 16, 10), epochs=6, samples=600)
    inputs = ENCODER.encode(held.x)
    agreement = {}
    for bits in (None, "ternary"):
        options = AnnealOptions(epochs=4, batch_size=50, learning_rate=5e-3, bits=bits)
        hard = apply_passes(harden(fine_tune(soft, train, ENCODER, options), ENCODER))
        program = quantize(hard, "ternary", calibration_values(train, ENCODER))
        predictions = fast.load(program).run(inputs).predictions()
        agreement[bits] = np.mean(predictions == run_hard(hard, inputs).logits.argmax(1))
    assert agreement["ternary"] > 0.98
    assert agreement[None] < 0.9


# Sparsity, growth, refusals


def test_sparsity_lowers_the_spike_rate():
    train = digits(300)
    rates = []
    for sparsity in (0.0, 1.0):
        options = AnnealOptions(epochs=4, batch_size=50, learning_rate=1e-2, sparsity=sparsity)
        network = fine_tune(trained(), train, ENCODER, options)
        rates.append(evaluate(network, train, ENCODER, 0.0)[1])
    assert rates[1] < 0.8 * rates[0]


def test_growing_membranes_are_stopped():
    network = SoftNetwork(Architecture((64, 8, 10), "ultratplif"))
    with torch.no_grad():
        network.neuron._log_tau.fill_(0.3)
    annealed = fine_tune(network, digits(60), ENCODER, AnnealOptions(epochs=2))
    assert annealed.neuron.log_tau().item() <= np.log(0.99)
    assert network.neuron.log_tau().item() == pytest.approx(0.3)


def test_too_few_samples():
    with pytest.raises(UltralifError, match="9 training samples; at least 10 are needed to train"):
        fine_tune(trained(), digits(9), ENCODER, QUICK)


def test_a_loss_that_is_not_finite():
    options = AnnealOptions(epochs=2, batch_size=50, learning_rate=1e37)
    with pytest.raises(
        UltralifError, match=r"loss is (nan|inf) in epoch \d; lower the learning rate"
    ):
        fine_tune(trained(), digits(100), ENCODER, options)


def test_the_last_tenth_is_held_out():
    fitting, held = hold_out(digits(205))
    assert (len(fitting.x), len(held.x)) == (185, 20)
    assert CALIBRATION_SAMPLES == 500


def test_a_network_that_diverged_is_not_written(tmp_path: Path):
    network = SoftNetwork(Architecture((4, 3, 2), "ultratplif"))
    with torch.no_grad():
        network.get_parameter("fc1.weight")[0, 0] = float("nan")
    path = tmp_path / "annealed.pt"
    with pytest.raises(UltralifError, match=r"fc1\.weight became NaN or infinite; nothing is writ"):
        checkpoint_file.save(path, network, {}, {})
    assert not path.exists()
