"""Reads the trajectory in a checkpoint of `train`: the figures of every epoch."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.schema.training import TrainedEpoch

KEY = "trajectory"
"""Key of the trajectory in the settings of a checkpoint."""

MOST_EPOCHS = 10_000
SHARES = ("soft_accuracy", "hard_accuracy")


def read_trajectory(path: Path, settings: Mapping[str, Any]) -> tuple[TrainedEpoch, ...]:
    """The epochs in a checkpoint; an empty tuple if it holds no trajectory.

    Args:
        path: the file, for error messages.
        settings: the settings that the file holds besides the released format.

    Raises:
        UltralifError: the trajectory is not a list of epochs with valid figures.
    """
    rows = settings.get(KEY, [])
    if not isinstance(rows, list) or len(rows) > MOST_EPOCHS:
        raise UltralifError(f"{path}: {KEY} is no list of epochs")
    return tuple(_epoch(path, number, row) for number, row in enumerate(rows, 1))


def _epoch(path: Path, number: int, row: Any) -> TrainedEpoch:
    """Check the figures of one epoch."""
    where = f"{path}: {KEY}, epoch {number}"
    if not isinstance(row, dict):
        raise UltralifError(f"{where} is no dictionary")
    found = {
        name: _number(f"{where}: {name}", row.get(name))
        for name in ("loss", "epsilon", *SHARES, "spike_rate")
    }
    if not all(0 <= found[name] <= 1 for name in SHARES) or found["spike_rate"] < 0:
        raise UltralifError(f"{where}: accuracies lie in 0 to 1, spike rates are not negative")
    epsilons = row.get("epsilons")
    if not isinstance(epsilons, dict) or not all(isinstance(name, str) for name in epsilons):
        raise UltralifError(f"{where}: epsilons are no dictionary of populations")
    return {
        "epoch": number,
        "loss": found["loss"],
        "epsilon": found["epsilon"],
        "soft_accuracy": found["soft_accuracy"],
        "hard_accuracy": found["hard_accuracy"],
        "spike_rate": found["spike_rate"],
        "epsilons": {k: _number(f"{where}: ε of {k}", v) for k, v in epsilons.items()},
    }


def _number(where: str, value: Any) -> float:
    """Check a number; it must be finite."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise UltralifError(f"{where} is {value!r:.40}; expected a finite number")
    return float(value)
