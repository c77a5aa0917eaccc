"""Networks of other frameworks in float64, run and exported to NIR by the framework itself."""

import warnings
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import nn

Spikes = dict[str, np.ndarray]


def double_spikes(v: torch.Tensor) -> torch.Tensor:
    """A surrogate whose spikes are float64; those of snnTorch are float32."""
    return (v > 0).double()


def run_recorded(
    net: nn.Module, kinds: tuple[type, ...], inputs: np.ndarray, step: Callable[[Any], Any]
) -> Spikes:
    """Spikes bool [time, batch, neuron] of every neuron module, by the module's name.

    Args:
        net: in float64.
        kinds: classes of the neuron modules.
        inputs: [time, batch, …].
        step: called with the input of one timestep.
    """
    seen: dict[str, list[np.ndarray]] = {}

    def record(name: str) -> Callable[..., None]:
        def hook(module: Any, given: Any, out: Any) -> None:
            spikes = out[0] if isinstance(out, tuple) else out
            seen[name].append(spikes.detach().numpy().reshape(inputs.shape[1], -1) > 0)

        return hook

    hooks = []
    for name, module in net.named_modules():
        if isinstance(module, kinds):
            seen[name] = []
            hooks.append(module.register_forward_hook(record(name)))
    with torch.no_grad():
        for now in inputs:
            step(torch.tensor(now, dtype=torch.float64))
    for hook in hooks:
        hook.remove()
    return {name: np.stack(parts) for name, parts in seen.items()}


def snntorch_graph(net: nn.Module, shape: Iterable[int]) -> Any:
    """The graph that snnTorch exports."""
    import contextlib
    import io

    from snntorch.export_nir import export_to_nir

    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        sample = torch.zeros(1, *shape, dtype=torch.float64)
        return export_to_nir(net, sample, ignore_dims=[0])
