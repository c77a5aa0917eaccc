"""Load a network from a checkpoint in the released format, and record where settings come from."""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.findings.assumptions import Assumptions, Chosen, choose, joined
from ultralif_deploy.findings.findings import Finding
from ultralif_deploy.program.spike_format import SpikeBits, spike_bits_text
from ultralif_deploy.soft.architectures import Architecture
from ultralif_deploy.soft.checkpoint_file import (
    SETTINGS_KEY,
    hyper_parameters,
    read_tensors,
    split_state,
)
from ultralif_deploy.soft.checkpoint_names import ReleasedName, ablation_hints, released_name
from ultralif_deploy.soft.network import SoftNetwork
from ultralif_deploy.soft.neurons.kinds import ABLATION, RELEASED, default_theta
from ultralif_deploy.soft.neurons.model import SoftNeuron
from ultralif_deploy.soft.shapes import Shapes, choose_side, shapes

MEMBRANES = ("hard", "soft")

MAX_TIMESTEPS = 100_000

DEFAULT_TAU = 0.9


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A loaded network, the other values in the file, and the origin of every setting.

    Attributes:
        network: the soft network, in evaluation mode.
        steps: number of timesteps T, with its origin.
        assumptions: settings with their origins.
        settings: encoding settings that our own training stored (may be empty).
        record: the plain values of the released dictionary (best_acc, epoch, …).
    """

    network: SoftNetwork
    steps: Chosen[int]
    assumptions: Assumptions
    settings: Mapping[str, Any]
    record: Mapping[str, Any]

    @property
    def timesteps(self) -> int:
        """Number of timesteps T."""
        return self.steps.value

    @property
    def widths(self) -> tuple[int, ...]:
        """Neurons per layer, input first."""
        return self.network.architecture.widths

    @property
    def architecture_name(self) -> str:
        """Name of the released class."""
        return self.network.architecture.name


def load_checkpoint(
    path: str | Path,
    *,
    content: dict[str, Any] | None = None,
    timesteps: int | None = None,
    theta: float | None = None,
    tau: float | None = None,
    neuron: str | None = None,
    skip: bool | None = None,
    stateless: bool | None = None,
    input_side: int | None = None,
    data_side: int | None = None,
    membrane: str | None = None,
    spike_bits: SpikeBits | None = None,
    dtype: torch.dtype = torch.float32,
) -> Checkpoint:
    """Build the network that a checkpoint holds.

    The architecture follows from the keys and shapes in the file. Each remaining setting is taken
    from the first of these sources that has it: the arguments, the settings that our own training
    stored, the file name, the documented defaults.

    Args:
        path: a .pt file in the released format, or a bare state dict.
        content: content of the file, if `read_tensors` has read it already.
        timesteps: number of timesteps T.
        theta: firing threshold θ.
        tau: decay, for neurons that do not learn it.
        neuron: the authors' key, if the file fits more than one kind (ultratlif or ultradlif).
        skip: residual connections between hidden layers.
        stateless: the membrane is reset at every timestep.
        input_side: height and width of the images of a convolutional network.
        data_side: height and width of the images in the data, used if `input_side` is None.
        membrane: `soft` or `hard`: whether annealing keeps the ε of UltraLIF membranes.
        spike_bits: bits per hidden spike after hardening, 1 to 4, for all populations or for each
            by name; 1 is a step function.
        dtype: dtype of the network.

    Raises:
        UltralifError: the file is bad, keys or shapes do not make a known network, weights are
            not finite, or an option contradicts the file.
    """
    path = Path(path)
    content = read_tensors(path) if content is None else content
    state, record = split_state(path, content)
    given = content.get(SETTINGS_KEY)
    stored = hyper_parameters(content) | (given if isinstance(given, dict) else {})
    ablation = "lif1._log_eps" in state or "lif1._fixed_eps" in state
    found = shapes(path, state)
    batch_norm = "bn1.running_mean" in state or "stem_bn.running_mean" in state
    name = None if ablation else released_name(path.stem)
    hints = ablation_hints(path.stem) if ablation else {} if name is None else name.hints()
    misnamed = () if name is None else tuple(_misnamed(path, name, found, batch_norm))
    kind, neuron_record = _neuron_kind(path, state, ablation, neuron, stored, hints)
    learned = set(_kinds(ablation)[kind].parameter_names)
    default = default_theta(kind, ablation)
    theta_value, theta_record = _theta(path, kind, learned, theta, stored, default)
    # The paper's UltraDLIF has no τ at all.
    fixed_tau = not {"_tau", "_log_tau"} & learned and not (ablation and kind == "ultradlif")
    tau_value, tau_record = _tau(path, kind, fixed_tau, tau, stored)
    skip_value, skip_record = _skip(path, found.hidden, skip, stored, hints)
    steps = choose("timesteps", timesteps, stored, hints, 10, kind=int)
    stateless_value, stateless_record = _stateless(
        path, found, steps.value, stateless, stored, hints
    )
    side_record = Assumptions()
    if found.channels:
        side, origin = choose_side(path, found, input_side, data_side)
        side_record = Chosen("input_side", side, origin).recorded()
        found = found.on_images(side)
    elif input_side is not None:
        raise UltralifError(f"{path}: --input-side {input_side}: the network is fully connected")
    if not 1 <= steps.value <= MAX_TIMESTEPS:
        raise UltralifError(f"{path}: timesteps = {steps.value}; expected 1 to {MAX_TIMESTEPS}")
    if not (math.isfinite(theta_value) and 0 < tau_value <= 1):
        raise UltralifError(
            f"{path}: theta = {theta_value}, tau = {tau_value}; expected a finite θ and 0 < τ ≤ 1"
        )
    has_maximum = _kinds(ablation)[kind].SOFT_MAXIMUM
    membrane_value, membrane_record = _membrane(path, kind, has_maximum, membrane, stored)
    bits, bits_record = _spike_bits(spike_bits, stored)
    architecture = Architecture(
        found.widths,
        kind,
        batch_norm=batch_norm,
        skip=skip_value,
        spiking_output=ablation,
        theta=theta_value,
        tau=tau_value,
        membrane=membrane_value,
        spike_bits=bits,
        stateless=stateless_value,
        channels=found.channels,
        side=found.side,
        residual=found.residual,
    )
    try:
        network = SoftNetwork(architecture).to(dtype)
    except UltralifError as error:
        raise UltralifError(f"{path}: {error}") from error
    _fill(path, network, state, dtype)
    assumptions = joined(
        Assumptions(findings=misnamed),
        neuron_record,
        theta_record,
        tau_record,
        skip_record,
        steps.recorded(),
        stateless_record,
        side_record,
        membrane_record,
        bits_record,
    )
    return Checkpoint(
        network.eval(), steps, assumptions, MappingProxyType(stored), MappingProxyType(record)
    )


def _theta(
    path: Path,
    kind: str,
    learned: set[str],
    option: float | None,
    stored: Mapping[str, Any],
    default: float,
) -> tuple[float, Assumptions]:
    """Choose θ; its origin is not recorded if the neurons learn it."""
    if "_thresh" not in learned:
        chosen = choose("theta", option, stored, {}, default, kind=float)
        return chosen.value, chosen.recorded()
    if option is not None:
        raise UltralifError(f"{path}: --theta {option}: {kind} learns its threshold")
    return default, Assumptions()


def _tau(
    path: Path, kind: str, fixed_tau: bool, option: float | None, stored: Mapping[str, Any]
) -> tuple[float, Assumptions]:
    """Choose τ; its origin is not recorded if the neurons learn it or have none."""
    if fixed_tau:
        chosen = choose("tau", option, stored, {}, DEFAULT_TAU, kind=float)
        return chosen.value, chosen.recorded()
    if option is not None:
        raise UltralifError(f"{path}: --tau {option}: {kind} learns its decay or has none")
    return DEFAULT_TAU, Assumptions()


def _skip(
    path: Path,
    hidden: tuple[int, ...],
    option: bool | None,
    stored: Mapping[str, Any],
    hints: Mapping[str, Any],
) -> tuple[bool, Assumptions]:
    """Whether hidden layers of these widths have residual connections."""
    if len(hidden) <= 1:
        if option:
            raise UltralifError(
                f"{path}: --skip needs two or more hidden layers, found {len(hidden)}"
            )
        return False, Assumptions()
    chosen = choose("skip", option, stored, hints, False, kind=bool)
    alike = len(set(hidden)) == 1
    if chosen.value and not alike:
        raise UltralifError(f"{path}: --skip needs hidden layers of one width, found {hidden}")
    text = "residual connections: neither the file nor its name tells"
    return chosen.value, chosen.recorded(chosen.doubts(text, "--no-skip") if alike else ())


def _stateless(
    path: Path,
    found: Shapes,
    steps: int,
    option: bool | None,
    stored: Mapping[str, Any],
    hints: Mapping[str, Any],
) -> tuple[bool, Assumptions]:
    """Whether the membrane is reset at every timestep, for the architectures that have a choice."""
    if not found.channels or found.residual:
        if option:
            raise UltralifError(f"{path}: --stateless: only ConvSNN and DeepConvSNN have that form")
        return False, Assumptions()
    chosen = choose("stateless", option, stored, hints, False, kind=bool)
    doubts = chosen.doubts(
        "whether the membrane is reset at every timestep: neither the file nor its name tells",
        "--stateful",
    )
    return chosen.value, chosen.recorded(doubts if steps > 1 else ())


def _membrane(
    path: Path, kind: str, has_maximum: bool, option: str | None, stored: Mapping[str, Any]
) -> tuple[str, Assumptions]:
    """Whether annealing keeps the soft maximum in the membrane, for kinds that have one."""
    if has_maximum:
        chosen = choose("membrane", option, stored, {}, "hard", kind=str)
        if chosen.value not in MEMBRANES:
            raise UltralifError(
                f"{path}: membrane = {chosen.value!r}; expected {' or '.join(MEMBRANES)}"
            )
        return chosen.value, chosen.recorded()
    if option is not None:
        raise UltralifError(
            f"{path}: --membrane {option}: {kind} has no soft maximum in its membrane; only "
            "UltraLIF and UltraPLIF kinds have"
        )
    return "hard", Assumptions()


def _spike_bits(
    option: SpikeBits | None, stored: Mapping[str, Any]
) -> tuple[SpikeBits, Assumptions]:
    """Bits of spikes; their origin is not recorded where all populations have 1."""
    name = "spike_bits"
    if isinstance(option, Mapping):
        return option, Chosen(name, spike_bits_text(option), "option").recorded()
    written = stored.get(name)
    if option is None and isinstance(written, Mapping):
        return written, Chosen(name, spike_bits_text(written), "checkpoint").recorded()
    chosen = choose(name, option, stored, {}, 1, kind=int)
    return chosen.value, chosen.recorded() if chosen.value > 1 else Assumptions()


def _kinds(ablation: bool) -> dict[str, type[SoftNeuron]]:
    return ABLATION if ablation else RELEASED


def _neuron_kind(
    path: Path,
    state: dict[str, Tensor],
    ablation: bool,
    option: str | None,
    stored: Mapping[str, Any],
    hints: Mapping[str, Any],
) -> tuple[str, Assumptions]:
    """The authors' key of the neurons, and where it came from."""
    prefix = re.compile(r"(?:neuron1?|lif1|stem_neuron)\.(\w+)$")
    names = {m[1] for m in map(prefix.match, state) if m}
    names = {"_log_eps" if name == "_fixed_eps" else name for name in names}
    kinds = _kinds(ablation)
    possible = [kind for kind, cls in kinds.items() if set(cls.parameter_names) == names]
    if not possible:
        raise UltralifError(
            f"{path}: neuron parameters {sorted(names)} belong to no known kind "
            f"({', '.join(kinds)})"
        )
    if option is not None and option not in possible:
        raise UltralifError(
            f"{path}: --neuron {option} does not have parameters {sorted(names)}; "
            f"possible: {', '.join(possible)}"
        )
    stored, hints = (
        {k: v for k, v in settings.items() if k != "neuron" or v in possible}
        for settings in (stored, hints)
    )
    default = possible[0]
    if len(possible) == 1:
        return default, Chosen("neuron", default, "checkpoint").recorded()
    chosen = choose("neuron", option, stored, hints, default, kind=str)
    others = ", ".join(kind for kind in possible if kind != chosen.value)
    doubts = chosen.doubts(
        f"the neuron kind: its parameters are also those of {others}", f"--neuron {chosen.value}"
    )
    return chosen.value, chosen.recorded(doubts)


def _misnamed(path: Path, name: ReleasedName, found: Shapes, batch_norm: bool) -> Iterator[Finding]:
    """Warnings where the name of a file contradicts its content."""
    for what in name.contradictions(found, batch_norm):
        yield Finding(
            "file-name",
            f"{path.name}: the name and the file differ in whether it has {what}; the file is "
            "followed",
            "check that the file has its own name",
        )
    if name.unknown:
        yield Finding(
            "file-name",
            f"{path.name}: {', '.join(name.unknown)} in the name means nothing to this tool",
            "check that the network is the one shown by inspect",
        )


def _fill(path: Path, network: SoftNetwork, state: dict[str, Tensor], dtype: torch.dtype) -> None:
    for stage in network.stages():
        fixed = state.get(f"{stage.name}._fixed_eps")
        if stage.neuron is not None and fixed is not None:
            stage.neuron.fix_epsilon(fixed.to(dtype).clone())
    target = network.state_dict()
    missing = sorted(set(target) - set(state) - {k for k in target if "num_batches" in k})
    unknown = sorted(set(state) - set(target))
    if missing or unknown:
        raise UltralifError(
            f"{path}: keys do not make a {network.architecture.name}; missing: "
            f"{', '.join(missing[:4]) or 'none'}; unknown: {', '.join(unknown[:4]) or 'none'}"
        )
    for key, value in state.items():
        shape = target[key].shape
        if value.shape != shape and not (value.numel() == 1 and shape.numel() == 1):
            per_neuron = shape == torch.Size([]) and value.ndim == 1
            raise UltralifError(
                f"{path}: {key} has shape {tuple(value.shape)}; expected {tuple(shape)}"
                + (" (one value for the population)" if per_neuron else "")
            )
        if not value.is_floating_point() and "num_batches" not in key:
            raise UltralifError(f"{path}: {key} is {value.dtype}; expected floating point")
        if value.is_floating_point():
            value = value.to(dtype)
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            bad = int((~torch.isfinite(value)).sum())
            raise UltralifError(f"{path}: {key} has {bad} values that are NaN or infinite")
        if key.endswith("running_var") and bool((value < 0).any()):
            raise UltralifError(f"{path}: {key} has negative values; expected variances")
        target[key].copy_(value.reshape(shape))
