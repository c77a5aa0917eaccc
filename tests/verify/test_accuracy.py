"""What deployment keeps, on real digits and MNIST; the longer study is examples/mnist_study.py."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import ultralif_deploy as ul
from support.commands import DEMO
from ultralif_deploy.data import Split
from ultralif_deploy.quantization.calibration import calibration_values
from ultralif_deploy.soft import checkpoint_file
from ultralif_deploy.soft.network import Architecture
from ultralif_deploy.soft.neurons.max_plus import UltraPLIF
from ultralif_deploy.soft.training import constant_plan, evaluate, fit

SEEDS = range(5)
"""Spikes of the test digits, so that one sample of 450 does not decide."""

MNIST_RATE = ul.Encoder("rate", 4, normalize="mnist")


@pytest.mark.parametrize(("bits", "most"), [(8, 0.5), (4, 1.0)])
def test_digits_keep_their_accuracy(bits: int, most: float) -> None:
    """Rate coding, T = 10: within 0.5 points with 8 bits and 1 point with 4."""
    digits, soft = ul.load_dataset("digits"), ul.load_checkpoint(DEMO).network
    assert digits.train is not None
    assert digits.test.y is not None
    encoder = ul.Encoder("rate", 10)
    annealed = ul.fine_tune(soft, digits.train, encoder, ul.AnnealOptions(bits=bits))
    network = ul.apply_passes(ul.harden(annealed, encoder))
    program = ul.quantize(network, bits, calibration_values(digits.train, encoder))
    executable = ul.load_on("fast", program)
    gaps = []
    for seed in SEEDS:
        seeded = replace(encoder, seed=seed)
        correct = [
            executable.run(values).predictions() == digits.test.y[where]
            for where, values in seeded.blocks(digits.test.x)
        ]
        accuracy, _ = evaluate(soft, digits.test, seeded, 1.0)
        assert accuracy > 0.9
        gaps.append(100 * (accuracy - np.concatenate(correct).mean()))
    assert np.mean(gaps) <= most


def mnist(shared: Callable[[str], Path], count: int) -> tuple[Split, Split]:
    """So many digits to train on, and 2000 others."""
    with np.load(shared("data/mnist_train.npz")) as data:
        x, y = data["x_train"], data["y_train"].astype(np.int64)
    return Split(x[:count], y[:count]), Split(x[50000:52000], y[50000:52000])


def two_layers(kind: str, train: Split, epochs: int) -> ul.SoftNetwork:
    """Two layers of 64 with batch norm, trained."""
    network = ul.SoftNetwork(Architecture((784, 64, 64, 10), kind, batch_norm=True))
    fit(network, train, MNIST_RATE, constant_plan(epochs))
    return network


def test_batch_norm_networks_are_mended(shared: Callable[[str], Path], tmp_path: Path) -> None:
    """Two layers with batch norm, T = 4, 4000 digits: hardening alone is a disaster.

    Annealed with labels the integer network is within 1 point of the soft one; re-estimated
    without labels, within 2.
    """
    train, test = mnist(shared, 4000)
    network = two_layers("ultratlif", train, 15)
    path, data_path = tmp_path / "net.pt", tmp_path / "mnist.npz"
    checkpoint_file.save(path, network, {}, {"timesteps": 4, "normalize": "mnist"})
    np.savez(data_path, x_train=train.x, y_train=train.y, x_test=test.x, y_test=test.y)
    settings = ul.Settings(data=data_path)
    fine_tuned = ul.deploy(
        path,
        tmp_path / "a",
        settings,
        anneal=ul.AnnealOptions(epochs=4, bits=8),
        certified_samples=5,
    )
    assert fine_tuned["accuracy"]["hard_naive"] < fine_tuned["accuracy"]["soft"] - 0.05
    assert fine_tuned["accuracy"]["gap_soft_integer"] < 1.0
    assert lost_without_labels(network, train, test) < 0.02


def test_grown_membranes_are_mended(shared: Callable[[str], Path]) -> None:
    """As above, 2000 digits, with a log τ that grew: hard, its neurons would fire all the time.

    Stopping the growth and re-estimating the batch norm alone loses more than 2 points.
    """
    train, test = mnist(shared, 2000)
    network = two_layers("ultratplif", train, 30)
    grown = network.stages()[0].neuron
    assert isinstance(grown, UltraPLIF)
    assert grown.log_tau() > 0.2
    assert lost_without_labels(network, train, test) < 0.01
    soft, _ = evaluate(network, test, MNIST_RATE, 1.0)
    grown.stop_growth()
    ul.reestimate_batch_norm(network, train, MNIST_RATE)
    hard, _ = evaluate(network, test, MNIST_RATE, 0.0)
    assert soft - hard > 0.01


def lost_without_labels(network: ul.SoftNetwork, train: Split, test: Split) -> float:
    """Accuracy that a network loses when it is made hard without labels."""
    mended = ul.fine_tune(network, Split(train.x, None), MNIST_RATE, ul.AnnealOptions(epochs=0))
    soft, _ = evaluate(network, test, MNIST_RATE, 1.0)
    hard, _ = evaluate(mended, test, MNIST_RATE, 0.0)
    return soft - hard
