"""Reads state dicts of SiLIF, C-SiLIF, adLIF and constrained adLIF networks, as released.

Keys are `snn.<layer>.W.weight`, `snn.<layer>.norm.*`, and parameters with one value per neuron.
Source: "Structured State Space Model Dynamics and Parametrization for Spiking Neural Networks",
arXiv 2506.06374, and the code SSM-inspired-LIF. The neurons have hard spikes in training already,
so nothing is annealed.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.findings.assumptions import DEFAULT, Assumptions, Chosen, choose
from ultralif_deploy.network.composition import Composed, Diagonal
from ultralif_deploy.network.network import Input, Network, Population, per_neuron
from ultralif_deploy.network.neurons import CSiLIF, FloatNeuron, LeakySum, SiLIF
from ultralif_deploy.program.graph import INPUT, AnyMap, Dense, Projection
from ultralif_deploy.soft.checkpoint import MAX_TIMESTEPS
from ultralif_deploy.soft.checkpoint_file import split_state, state_keys

KEY = re.compile(r"snn\.(\d{1,3})\.(\S+)$")

READOUT = "readout"
"""Name of the read-out population."""

BATCH_NORM_EPSILON = 1e-5
"""ε in the variance of batch norm: torch's default, because a state dict does not hold it."""

TIMESTEPS = 250
"""Default T: one second in steps of 4 ms, as in the published training."""

_PUBLISHED = (
    Chosen("theta", 1.0, "published code"),
    Chosen("initial_state", "0 (drawn at random in training)", "published code"),
    Chosen("batch_norm_epsilon", BATCH_NORM_EPSILON, DEFAULT),
    Chosen("readout", "sum of the membrane (trained: sum of its softmax)", DEFAULT),
)
"""Settings that the file does not hold and no option changes."""

_NORM = {"norm.weight", "norm.bias", "norm.running_mean", "norm.running_var"}
_PARAMETERS = {
    "silif": {"dt", "alpha", "beta", "a", "b"},
    "csilif": {"log_dt", "log_log_alpha", "alpha_img", "b"},
    "adlif": {"alpha", "beta", "a", "b"},
    "cadlif": {"alpha", "beta", "a", "b"},
}
_NAMES = {"silif": "SiLIF", "csilif": "C-SiLIF", "adlif": "adLIF", "cadlif": "constrained adLIF"}

NEURONS = tuple(_PARAMETERS)
"""Names of the neuron kinds in options."""

_Arrays = dict[str, np.ndarray]


@dataclass(frozen=True, slots=True)
class HardCheckpoint:
    """A network that was trained with hard spikes, and all settings with their origins.

    Attributes:
        network: the network as published. Its largest input is one spike; batch norm is not folded.
        neuron: one of `NEURONS`.
        learned: parameters of each population in the file by name, float64 [neuron].
        steps: T, with its origin.
        assumptions: all settings with their origins.
    """

    network: Network
    neuron: str
    learned: Mapping[str, _Arrays]
    steps: Chosen[int]
    assumptions: Assumptions

    @property
    def widths(self) -> tuple[int, ...]:
        """Neurons per layer, input first."""
        return (self.network.input.size, *(p.size for p in self.network.populations))

    @property
    def architecture_name(self) -> str:
        """The architecture in words, for example "3-layer SiLIF network"."""
        return f"{len(self.network.populations)}-layer {_NAMES[self.neuron]} network"


def is_second_order(content: dict[str, Any]) -> bool:
    """Whether the keys in the content of a .pt file are those of a second-order network."""
    return any(isinstance(key, str) and KEY.match(key) for key in state_keys(content))


def read_second_order(
    path: Path, content: dict[str, Any], *, neuron: str | None, timesteps: int | None
) -> HardCheckpoint:
    """Build the network of a state dict.

    Args:
        path: the file, for error messages.
        content: the content of the file, as `read_tensors` returns it.
        neuron: one of `NEURONS`; adlif and cadlif have the same keys, and the default is adlif.
        timesteps: T; by default 250.

    Raises:
        UltralifError: keys, shapes or values do not make a second-order network, or an option
            contradicts them.
    """
    state, _ = split_state(path, content)
    layers = _layers(path, state)
    chosen = _kind(path, layers[0], neuron)
    kind = chosen.value
    steps = choose("timesteps", timesteps, {}, {}, TIMESTEPS, kind=int)
    if not 1 <= steps.value <= MAX_TIMESTEPS:
        raise UltralifError(f"{path}: timesteps = {steps.value}; expected 1 to {MAX_TIMESTEPS}")
    populations: list[Population] = []
    projections: list[Projection] = []
    learned: dict[str, _Arrays] = {}
    source, width = INPUT, layers[0]["W.weight"].shape[-1]
    for index, layer in enumerate(layers):
        last = index == len(layers) - 1
        name = READOUT if last else f"snn.{index}"
        prefix = f"{path}: snn.{index}"
        size = _check_layer(prefix, layer, {"alpha"} if last else _PARAMETERS[kind], width)
        parameters = {k: v for k, v in layer.items() if k != "W.weight" and k not in _NORM}
        learned[name] = parameters
        with np.errstate(over="ignore"):  # exp(−exp(large)) is 0
            model = (_readout if last else _MODELS[kind])(parameters)
        linear, bias = _linear_map(layer)
        shift = per_neuron(bias, size, f"{name}: batch norm")
        populations.append(Population(name, size, model, shift))
        projections.append(Projection(source, name, linear))
        source, width = name, size
    network = Network(
        Input(layers[0]["W.weight"].shape[1]),
        tuple(populations),
        tuple(projections),
        steps.value,
        1,
    )
    assumptions = Assumptions((chosen, steps, *_PUBLISHED))
    return HardCheckpoint(network, kind, MappingProxyType(learned), steps, assumptions)


def _layers(path: Path, state: dict[str, Tensor]) -> list[_Arrays]:
    """For each layer its arrays by name, float64; keys, types and values are checked."""
    found: dict[int, _Arrays] = {}
    for key, value in state.items():
        match = KEY.match(key)
        if match is None:
            raise UltralifError(f"{path}: key {key!r}; expected snn.<layer>.W.weight, .norm. …")
        if match[2] == "norm.num_batches_tracked":
            continue
        if not value.is_floating_point():
            raise UltralifError(f"{path}: {key} is {value.dtype}; expected floating point")
        if not bool(torch.isfinite(value).all()):
            bad = int((~torch.isfinite(value)).sum())
            raise UltralifError(f"{path}: {key} has {bad} values that are NaN or infinite")
        found.setdefault(int(match[1]), {})[match[2]] = value.detach().double().numpy()
    if sorted(found) != list(range(len(found))) or len(found) < 2:
        raise UltralifError(
            f"{path}: layers {sorted(found)}; expected snn.0, snn.1, … with the read-out last"
        )
    for index, layer in found.items():
        if "W.weight" not in layer or layer["W.weight"].ndim != 2 or 0 in layer["W.weight"].shape:
            shape = layer["W.weight"].shape if "W.weight" in layer else "none"
            raise UltralifError(f"{path}: snn.{index}.W.weight: {shape}; expected [out, in]")
    return [found[index] for index in range(len(found))]


def _kind(path: Path, layer: _Arrays, option: str | None) -> Chosen[str]:
    """The neuron kind, from the names of the parameters in a layer, and from the option."""
    names = set(layer) - {"W.weight"} - _NORM
    possible = [kind for kind, parameters in _PARAMETERS.items() if parameters == names]
    if not possible:
        expected = "; ".join(f"{k}: {', '.join(sorted(p))}" for k, p in _PARAMETERS.items())
        raise UltralifError(
            f"{path}: snn.0 has the parameters {', '.join(sorted(names)) or 'none'}; expected "
            f"those of a known neuron ({expected})"
        )
    if option is not None and option not in possible:
        raise UltralifError(
            f"{path}: --neuron {option} does not have parameters {sorted(names)}; "
            f"possible: {', '.join(possible)}"
        )
    if len(possible) == 1:
        return Chosen("neuron", possible[0], "checkpoint")
    return choose("neuron", option, {}, {}, possible[0], kind=str)


def _check_layer(prefix: str, layer: _Arrays, parameters: set[str], width: int) -> int:
    """Check names and shapes of the arrays in a layer, and return its number of neurons.

    Args:
        prefix: begins the error message.
        layer: arrays by name.
        parameters: names of the parameters that the neuron kind has.
        width: number of neurons in the layer before.
    """
    norm = _NORM if set(layer) & _NORM else set()
    expected = {"W.weight"} | norm | parameters
    missing, unknown = sorted(expected - set(layer)), sorted(set(layer) - expected)
    if missing or unknown:
        raise UltralifError(
            f"{prefix}: missing: {', '.join(missing[:4]) or 'none'}; unknown: "
            f"{', '.join(unknown[:4]) or 'none'}; expected {', '.join(sorted(expected))}"
        )
    size, inputs = layer["W.weight"].shape
    if inputs != width:
        raise UltralifError(
            f"{prefix}.W.weight takes {inputs} inputs; the layer before has {width}"
        )
    for name in sorted(expected - {"W.weight"}):
        if layer[name].shape != (size,):
            raise UltralifError(
                f"{prefix}.{name} has shape {layer[name].shape}; expected ({size},), one per neuron"
            )
    if norm and layer["norm.running_var"].min() < 0:
        raise UltralifError(f"{prefix}.norm.running_var has negative values; expected variances")
    return int(size)


def _linear_map(layer: _Arrays) -> tuple[AnyMap, np.ndarray]:
    """The map of weights and batch norm's gain, and the bias that batch norm adds [neuron]."""
    weights = Dense(layer["W.weight"])
    if "norm.weight" not in layer:
        return weights, np.zeros(weights.target_size)
    gain = layer["norm.weight"] / np.sqrt(layer["norm.running_var"] + BATCH_NORM_EPSILON)
    shift = layer["norm.bias"] - gain * layer["norm.running_mean"]
    return Composed((weights, Diagonal(gain))), shift


def _silif(p: _Arrays) -> SiLIF:
    """α = exp(−e^alpha·e^dt), β = exp(−e^beta·e^dt), a in [0, 1], b in [0, 2]."""
    alpha = np.exp(-np.exp(p["alpha"]) * np.exp(p["dt"]))
    beta = np.exp(-np.exp(p["beta"]) * np.exp(p["dt"]))
    return _of_silif_form(alpha, beta, p["a"].clip(0, 1), p["b"].clip(0, 2))


def _adlif(p: _Arrays) -> SiLIF:
    """Clamps of SpArch: α to [e^(−1/5), e^(−1/25)], β to [e^(−1/30), e^(−1/120)], a to ±1."""
    alpha = p["alpha"].clip(np.exp(-1 / 5), np.exp(-1 / 25))
    beta = p["beta"].clip(np.exp(-1 / 30), np.exp(-1 / 120))
    return _of_silif_form(alpha, beta, p["a"].clip(-1, 1), p["b"].clip(0, 2))


def _constrained_adlif(p: _Arrays) -> SiLIF:
    """Clamps: α to [0.36, 0.96], β to [0.96, 0.99], a to [0, 1], b to [0, 2]."""
    alpha, beta = p["alpha"].clip(0.36, 0.96), p["beta"].clip(0.96, 0.99)
    return _of_silif_form(alpha, beta, p["a"].clip(0, 1), p["b"].clip(0, 2))


def _of_silif_form(alpha: np.ndarray, beta: np.ndarray, a: np.ndarray, b: np.ndarray) -> SiLIF:
    return SiLIF(np.ones(len(alpha)), 1 - alpha, alpha, beta, a, b)


def _csilif(p: _Arrays) -> CSiLIF:
    """α = exp((−e^log_log_alpha + i·alpha_img)·e^log_dt); 2·Re u > 1 is Re u > 1/2."""
    dt = np.exp(p["log_dt"])
    size = np.exp(-np.exp(p["log_log_alpha"]) * dt)
    angle = p["alpha_img"] * dt
    half = np.full(len(dt), 0.5)
    return CSiLIF(half, p["b"], size * np.cos(angle), size * np.sin(angle))


def _readout(p: _Arrays) -> LeakySum:
    """A leaky sum, its α clamped to [e^(−1/5), e^(−1/25)]."""
    alpha = p["alpha"].clip(np.exp(-1 / 5), np.exp(-1 / 25))
    return LeakySum(1 - alpha, alpha)


_MODELS: dict[str, Callable[[_Arrays], FloatNeuron]] = {
    "silif": _silif,
    "csilif": _csilif,
    "adlif": _adlif,
    "cadlif": _constrained_adlif,
}
