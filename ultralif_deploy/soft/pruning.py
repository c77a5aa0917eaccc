"""Prune while annealing: the smallest weights of each layer become 0, and stay 0.

A weight of 0 costs no synaptic operation. Where the inputs are spikes, removing a weight w from a
sender of rate r changes the current's square by about w²·r, and saves r operations; so the weights
of least magnitude are those that cost least for what they save.

The share of pruned weights rises over the first two thirds of the epochs, as p·(1 − (1 − t)³), and
the last third lets the others make up for it. Source: Zhu and Gupta, "To prune, or not to prune",
arXiv 1710.01878, which prunes by magnitude on this curve.
"""

import torch
from torch import Tensor

from ultralif_deploy.soft.network import SoftNetwork

RISING = 2 / 3
"""Share of the epochs over which more and more weights are pruned."""


class Pruner:
    """Keeps the smallest weights of each layer of a network at 0.

    Args:
        network: its weights are changed in place.
        share: share of each layer's weights that is 0 in the end, 0 to below 1.
        epochs: number of epochs of the training.
    """

    def __init__(self, network: SoftNetwork, share: float, epochs: int) -> None:
        self.network, self.share, self.epochs = network, share, epochs
        self._kept: list[tuple[Tensor, Tensor]] = []

    @torch.no_grad()
    def begin(self, epoch: int) -> None:
        """Choose the weights of an epoch, counted from 0, and set those that go to 0.

        A run that is resumed makes the same choice, because pruned weights are the smallest.
        """
        time = min(1.0, (epoch + 1) / (RISING * self.epochs))
        share = self.share * (1 - (1 - time) ** 3)
        self._kept.clear()
        for linear, _, _ in self.network.layers():
            size = linear.weight.abs().flatten()
            order = size.argsort(stable=True)
            kept = torch.ones_like(size)
            kept[order[: round(share * len(size))]] = 0
            self._kept.append((linear.weight, kept.reshape(linear.weight.shape)))
        self.apply()

    @torch.no_grad()
    def apply(self) -> None:
        """Set the pruned weights to 0 again, after a step of the optimizer."""
        for weight, kept in self._kept:
            weight.mul_(kept)
