"""Small state dicts in the form in which the authors of SiLIF save them."""

from pathlib import Path

import torch
from torch import Tensor

KINDS = ("silif", "csilif", "adlif", "cadlif")


def state_dict(
    kind: str, widths: tuple[int, ...] = (6, 9, 7, 4), seed: int = 3
) -> dict[str, Tensor]:
    """Random parameters that fire now and then, some of them outside their clamps."""
    draw = torch.Generator().manual_seed(seed)

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(*shape, generator=draw)

    state: dict[str, Tensor] = {}
    for layer in range(len(widths) - 1):
        inputs, size = widths[layer], widths[layer + 1]
        last = layer == len(widths) - 2
        parameters: dict[str, Tensor] = {}
        if last:
            parameters["alpha"] = uniform(0.7, 1.1, size)
        elif kind == "silif":
            parameters = {
                "dt": uniform(-6, -4, size),
                "alpha": uniform(2, 4, size),
                "beta": uniform(-3, 4, size),
                "a": uniform(-0.3, 1.2, size),
                "b": uniform(-0.3, 2.3, size),
            }
        elif kind == "csilif":
            parameters = {
                "log_dt": uniform(-3, 0, size),
                "log_log_alpha": uniform(-3, 0.5, size),
                "alpha_img": uniform(0, 6, size),
                "b": uniform(-0.5, 2, size),
            }
        else:
            parameters = {
                "alpha": uniform(0.3, 1.0, size),
                "beta": uniform(0.95, 1.0, size),
                "a": uniform(-1.2, 1.2, size),
                "b": uniform(-0.3, 2.3, size),
            }
        state |= {f"snn.{layer}.{k}": v for k, v in parameters.items()}
        state[f"snn.{layer}.W.weight"] = uniform(-2, 3, size, inputs)
        state |= {
            f"snn.{layer}.norm.weight": uniform(1, 6, size),
            f"snn.{layer}.norm.bias": uniform(-1, 2, size),
            f"snn.{layer}.norm.running_mean": uniform(-1, 1, size),
            f"snn.{layer}.norm.running_var": uniform(0.5, 9, size),
            f"snn.{layer}.norm.num_batches_tracked": torch.tensor(7),
        }
    return state


def saved(path: Path, state: dict[str, Tensor]) -> Path:
    torch.save(state, path)
    return path
