"""Epochs of training and of annealing."""

from typing import Annotated, TypedDict

from ultralif_deploy.schema.values import Count, Fraction, Rate


class EpochFigures(TypedDict):
    """An epoch of training or annealing; accuracies are on held-out training samples."""

    epoch: Annotated[Count, "its number, from 1"]
    loss: Annotated[float, "the mean over the epoch"]
    epsilon: Annotated[float, "mean ε at which it ran"]
    soft_accuracy: Annotated[Fraction, "at the learned ε"]
    hard_accuracy: Annotated[Fraction, "at ε = 0"]
    spike_rate: Annotated[Rate, "of the hard network"]


class TrainedEpoch(EpochFigures):
    """An epoch of training."""

    epsilons: Annotated[dict[str, float], "mean ε after it, by population"]


class Trajectory(TypedDict, total=False):
    """Of a network that `train` made."""

    training: Annotated[list[TrainedEpoch], "every epoch; missing of other networks"]
