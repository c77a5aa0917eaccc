"""Pruning while annealing: the share that was asked for, and the smallest weights, for good."""

from pathlib import Path

import numpy as np
import pytest
import torch

from ultralif_deploy.data.encoders import Encoder
from ultralif_deploy.data.splits import Split
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.passes import apply_passes
from ultralif_deploy.quantization.quantize import quantize
from ultralif_deploy.soft.anneal import AnnealOptions, fine_tune
from ultralif_deploy.soft.hardening import harden
from ultralif_deploy.soft.network import Architecture, SoftNetwork
from ultralif_deploy.soft.pruning import Pruner


def network() -> SoftNetwork:
    return SoftNetwork(Architecture((12, 10, 4), "ultratplif"), seed=1)


def samples(count: int = 200) -> Split:
    rng = np.random.default_rng(2)
    return Split(rng.integers(0, 256, (count, 12), dtype=np.uint8), rng.integers(0, 4, count))


def zeros(of: SoftNetwork) -> list[float]:
    return [float((linear.weight == 0).float().mean()) for linear, _, _ in of.layers()]


def test_the_share_rises_to_what_was_asked_for() -> None:
    """p·(1 − (1 − t)³) with t = (epoch + 1)/(2/3·epochs), and p from two thirds on."""
    pruned = network()
    pruner, shares = Pruner(pruned, 0.6, 6), []
    for epoch in range(6):
        pruner.begin(epoch)
        shares.append(zeros(pruned)[0])
    expected = [0.6 * (1 - (1 - t) ** 3) for t in (0.25, 0.5, 0.75, 1, 1, 1)]
    np.testing.assert_allclose(shares, expected, atol=1 / 120)


def test_the_smallest_weights_go_and_stay_away() -> None:
    pruned, before = network(), network()
    pruner = Pruner(pruned, 0.5, 1)
    pruner.begin(0)
    for (linear, _, _), (was, _, _) in zip(pruned.layers(), before.layers(), strict=True):
        gone = linear.weight == 0
        assert was.weight[gone].abs().max() <= was.weight[~gone].abs().min()
        torch.testing.assert_close(linear.weight[~gone], was.weight[~gone], rtol=0, atol=0)
    with torch.no_grad():
        for linear, _, _ in pruned.layers():
            linear.weight.add_(1.0)
    pruner.apply()
    assert zeros(pruned) == [0.5, 0.5]


@pytest.mark.parametrize("bits", [8, None])
def test_an_annealed_network_keeps_its_zeros_in_integers(bits: int | None) -> None:
    encoder, options = Encoder("rate", 2), AnnealOptions(epochs=3, bits=bits, prune=0.5)
    annealed = fine_tune(network(), samples(), encoder, options)
    assert min(zeros(annealed)) >= 0.5
    program = quantize(apply_passes(harden(annealed, encoder)), 8)
    for projection in program.projections:
        assert (projection.map.weight == 0).mean() >= 0.5


def test_a_resumed_run_is_the_same(tmp_path: Path) -> None:
    encoder, options = Encoder("rate", 2), AnnealOptions(epochs=4, prune=0.5, bits=8)
    whole = fine_tune(network(), samples(), encoder, options)

    def stop(figures: object) -> None:
        if (tmp_path / "anneal-state.pt").exists() and figures.epoch == 2:  # type: ignore[attr-defined]
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fine_tune(network(), samples(), encoder, options, directory=tmp_path, on_epoch=stop)
    resumed = fine_tune(network(), samples(), encoder, options, directory=tmp_path)
    for name, value in whole.state_dict().items():
        torch.testing.assert_close(resumed.state_dict()[name], value, rtol=0, atol=0)


def test_pruning_without_training_is_refused() -> None:
    with pytest.raises(UltralifError, match=r"prune = 0.5 with 0 epochs; expected at least 1"):
        AnnealOptions(epochs=0, prune=0.5)


@pytest.mark.parametrize("share", [-0.1, 1.0, float("nan")])
def test_shares_that_leave_nothing_are_refused(share: float) -> None:
    with pytest.raises(UltralifError, match=r"prune = .*; expected 0 to below 1"):
        AnnealOptions(prune=share)
