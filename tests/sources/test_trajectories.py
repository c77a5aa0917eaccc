"""The trajectory in a checkpoint is untrusted."""

from pathlib import Path
from typing import Any

import pytest

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.sources.trajectories import MOST_EPOCHS, read_trajectory

EPOCH: dict[str, Any] = {
    **{"epoch": 1, "loss": 2.0, "epsilon": 0.9, "soft_accuracy": 0.5, "hard_accuracy": 0},
    **{"spike_rate": 0.4, "epsilons": {"neuron": 0.9}},
}


def test_a_trajectory_is_read() -> None:
    path = Path("net.pt")
    assert read_trajectory(path, {}) == ()
    assert read_trajectory(path, {"trajectory": [EPOCH]}) == (EPOCH,)
    (found,) = read_trajectory(path, {"trajectory": [EPOCH | {"epoch": "x", "spare": "<script>"}]})
    assert found == EPOCH


@pytest.mark.parametrize(
    ("trajectory", "message"),
    [
        ("x", "is no list of epochs"),
        ([EPOCH] * (MOST_EPOCHS + 1), "is no list of epochs"),
        ([EPOCH, 1], "epoch 2 is no dictionary"),
        ([{**EPOCH, "loss": float("nan")}], "epoch 1: loss is nan; expected a finite number"),
        ([{**EPOCH, "loss": True}], "loss is True"),
        ([{**EPOCH, "hard_accuracy": 1.5}], "accuracies lie in 0 to 1"),
        ([{**EPOCH, "spike_rate": -0.1}], "spike rates are not negative"),
        ([{k: v for k, v in EPOCH.items() if k != "epsilon"}], "epsilon is None"),
        ([{**EPOCH, "epsilons": [1.0]}], "epsilons are no dictionary"),
        ([{**EPOCH, "epsilons": {1: 1.0}}], "epsilons are no dictionary"),
        ([{**EPOCH, "epsilons": {"neuron": "x"}}], "ε of neuron is 'x'"),
    ],
)
def test_anything_else_is_refused(trajectory: Any, message: str) -> None:
    with pytest.raises(UltralifError, match=r"^net\.pt: trajectory") as refused:
        read_trajectory(Path("net.pt"), {"trajectory": trajectory})
    assert message in str(refused.value)
