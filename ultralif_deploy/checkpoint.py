"""Reading and writing checkpoints in the released format; the only place that calls torch.load."""

import math
import pickle
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ultralif_deploy.assumptions import Assumptions
from ultralif_deploy.checkpoint_names import ReleasedName, ablation_hints, released_name
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.files import check_zip_archive, readable_file, written_whole
from ultralif_deploy.layout import choose_side, layout
from ultralif_deploy.models import Architecture, SoftNetwork
from ultralif_deploy.neurons import (
    ABLATION,
    RELEASED,
    LearnedEpsilon,
    SoftNeuron,
    UltraLIF,
    default_theta,
)

SETTINGS_KEY = "ultralif_deploy"
"""Our own entry of the checkpoint dictionary: settings that the released format does not hold."""

MEMBRANES = ("hard", "soft")

MAX_TIMESTEPS = 100_000
MAX_PARAMETERS = 200_000_000

WRAPPERS = re.compile(r"^(?:_orig_mod\.|module\.)+")
"""What torch.compile and DataParallel put before every key."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A loaded network, what the file said besides, and where every setting came from.

    Attributes:
        network: the soft network, in evaluation mode.
        timesteps: T.
        assumptions: settings with their sources.
        settings: encoding settings that our own training stored (may be empty).
        record: the plain values of the released dictionary (best_acc, epoch, …).
    """

    network: SoftNetwork
    timesteps: int
    assumptions: Assumptions
    settings: dict[str, Any]
    record: dict[str, Any]

    @property
    def widths(self) -> tuple[int, ...]:
        """Neurons per layer, input first."""
        return self.network.architecture.widths

    @property
    def architecture_name(self) -> str:
        """Name of the released class."""
        return self.network.architecture.name


def read_tensors(path: str | Path) -> dict[str, Any]:
    """Read the dictionary of a .pt file without running code from it.

    Raises:
        UltralifError: missing, truncated, not a checkpoint, carries code, or unpacks to too much.
    """
    path = readable_file(path)
    with path.open("rb") as file:
        bare_pickle = file.read(1) == pickle.PROTO
    if bare_pickle:  # its sizes cannot be checked before they are believed
        raise UltralifError(
            f"{path}: a pickle outside a zip archive, as torch before 1.6 wrote; write it anew: "
            f"torch.save(torch.load({path.name!r}, weights_only=True), 'new.pt')"
        )
    check_zip_archive(path, "a checkpoint that torch.save wrote")
    try:
        with warnings.catch_warnings():  # torch's, about what a file holds
            warnings.simplefilter("ignore")
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        found = re.search(r"GLOBAL (\S+)", str(error))
        what = f"calls {found.group(1)}" if found else "holds more than tensors"
        raise UltralifError(
            f"{path}: refused, the pickle {what}; a checkpoint must hold tensors and plain "
            "values only (save model.state_dict(), not the model)"
        ) from error
    except Exception as error:  # torch raises many kinds on damaged files
        first = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        raise UltralifError(f"{path}: not a readable checkpoint ({first})") from error
    if not isinstance(content, dict):
        raise UltralifError(
            f"{path}: holds a {type(content).__name__}; expected a dictionary of tensors"
        )
    return content


def load(
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
    dtype: torch.dtype = torch.float32,
) -> Checkpoint:
    """Build the network that a checkpoint holds.

    The architecture is found from keys and shapes. What the file cannot say comes from the
    arguments, then from settings our own training stored, then from the file name, then from
    stated defaults.

    Args:
        path: a .pt file in the released format, or a bare state dict.
        content: of the file, if `read_tensors` has read it already.
        timesteps: T.
        theta: firing threshold θ.
        tau: decay, for neurons that do not learn it.
        neuron: the authors' key, where the keys leave a choice (ultratlif or ultradlif).
        skip: residual connections between hidden layers.
        stateless: the membrane is reset at every timestep.
        input_side: height and width of the images of a convolutional network.
        data_side: the same as the data have it, where `input_side` is None.
        membrane: `soft` or `hard`: what annealing makes of the membrane of UltraLIF kinds.
        dtype: of the network.

    Raises:
        UltralifError: the file is bad, keys or shapes do not make a known network, weights are
            not finite, or an option contradicts the file.
    """
    path = Path(path)
    content = read_tensors(path) if content is None else content
    state, record = split_state(path, content)
    given = content.get(SETTINGS_KEY)
    stored = dict(given) if isinstance(given, dict) else {}
    ablation = "lif1._log_eps" in state or "lif1._fixed_eps" in state
    assumptions = Assumptions()
    found = layout(path, state)
    batch_norm = "bn1.running_mean" in state or "stem_bn.running_mean" in state
    name = None if ablation else released_name(path.stem)
    hints = ablation_hints(path.stem) if ablation else {} if name is None else name.hints()
    if name is not None:
        _compare_name(path, name, found, batch_norm, assumptions)
    kind = _neuron_kind(path, state, ablation, neuron, stored, hints, assumptions)
    learned = set(_kinds(ablation)[kind].parameter_names)
    theta_value, tau_value = default_theta(kind, ablation), 0.9
    if "_thresh" not in learned:
        theta_value = assumptions.choose("theta", theta, stored, {}, theta_value, kind=float)
    elif theta is not None:
        raise UltralifError(f"{path}: --theta {theta}: {kind} learns its threshold")
    # The paper's UltraDLIF has no τ at all.
    if not {"_tau", "_log_tau"} & learned and not (ablation and kind == "ultradlif"):
        tau_value = assumptions.choose("tau", tau, stored, {}, tau_value, kind=float)
    elif tau is not None:
        raise UltralifError(f"{path}: --tau {tau}: {kind} learns its decay or has none")
    widths: tuple[int, ...] = found["widths"]
    hidden = len(widths) - 2
    skip_value = False
    if hidden > 1:
        skip_value = assumptions.choose("skip", skip, stored, hints, False, kind=bool)
        if len(set(widths[1:-1])) == 1:
            assumptions.warn_of_default(
                "skip", "residual connections: neither the file nor its name tells", "--no-skip"
            )
    elif skip:
        raise UltralifError(f"{path}: --skip needs two or more hidden layers, found {hidden}")
    if skip_value and len(set(widths[1:-1])) > 1:
        raise UltralifError(
            f"{path}: --skip needs hidden layers of one width, found {widths[1:-1]}"
        )
    steps = assumptions.choose("timesteps", timesteps, stored, hints, 10, kind=int)
    stateless_value = False
    if "channels" in found and not found.get("residual"):
        stateless_value = assumptions.choose(
            "stateless", stateless, stored, hints, False, kind=bool
        )
        if steps > 1:
            assumptions.warn_of_default(
                "stateless",
                "whether the membrane is reset at every timestep: neither the file nor its name "
                "tells",
                "--stateful",
            )
    elif stateless:
        raise UltralifError(f"{path}: --stateless: only ConvSNN and DeepConvSNN have that form")
    if "channels" in found:
        side, source = choose_side(path, found, input_side, data_side)
        assumptions.add("input_side", side, source)
        found |= {"side": side, "widths": (found["channels"][0] * side * side, widths[-1])}
    elif input_side is not None:
        raise UltralifError(f"{path}: --input-side {input_side}: the network is fully connected")
    if not 1 <= steps <= MAX_TIMESTEPS:
        raise UltralifError(f"{path}: timesteps = {steps}; expected 1 to {MAX_TIMESTEPS}")
    if not (math.isfinite(theta_value) and 0 < tau_value <= 1):
        raise UltralifError(
            f"{path}: theta = {theta_value}, tau = {tau_value}; expected a finite θ and 0 < τ ≤ 1"
        )
    membrane_value = "hard"
    if issubclass(_kinds(ablation)[kind], UltraLIF):
        membrane_value = assumptions.choose("membrane", membrane, stored, {}, "hard", kind=str)
        if membrane_value not in MEMBRANES:
            raise UltralifError(
                f"{path}: membrane = {membrane_value!r}; expected {' or '.join(MEMBRANES)}"
            )
    elif membrane is not None:
        raise UltralifError(
            f"{path}: --membrane {membrane}: {kind} has no soft maximum in its membrane; only "
            "UltraLIF and UltraPLIF kinds have"
        )
    architecture = Architecture(
        **found,
        neuron=kind,
        batch_norm=batch_norm,
        skip=skip_value,
        spiking_output=ablation,
        theta=theta_value,
        tau=tau_value,
        membrane=membrane_value,
        stateless=stateless_value,
    )
    network = SoftNetwork(architecture).to(dtype)
    _fill(path, network, state, dtype)
    return Checkpoint(network.eval(), steps, assumptions, stored, record)


def save(
    path: str | Path,
    network: SoftNetwork,
    record: Mapping[str, Any],
    settings: Mapping[str, Any],
    training: Mapping[str, Any] | None = None,
) -> None:
    """Write a checkpoint in the released format, whole or not at all.

    Args:
        path: file to write.
        network: its `state_dict` becomes `model_state_dict`.
        record: best_acc, epoch, spike_rate, energy_proxy, eps and tau of the released format.
        settings: plain values that the released format lacks: encoding, gain, timesteps …
        training: optimizer state of an unfinished run, so that it can go on.
    """
    architecture = network.architecture
    content: dict[str, Any] = {
        "model_state_dict": network.state_dict(),
        "best_acc": None,
        "epoch": 0,
        "spike_rate": None,
        "energy_proxy": None,
        "eps": network.epsilon(),
        "tau": architecture.tau,
        **record,
        SETTINGS_KEY: {
            "neuron": architecture.neuron,
            "theta": architecture.theta,
            "tau": architecture.tau,
            "skip": architecture.skip,
            "membrane": architecture.membrane,
            "stateless": architecture.stateless,
            **settings,
        },
    }
    if training is not None:
        content["training"] = dict(training)
    with written_whole(path) as temporary:
        try:
            torch.save(content, temporary)
        except RuntimeError as error:  # what torch raises on a full disk
            first = str(error).strip().splitlines()[0]
            raise UltralifError(f"{path}: cannot be written ({first})") from error


def state_keys(content: dict[str, Any]) -> dict[Any, Any]:
    """The state dict in a checkpoint, its keys without what wrapped modules put before them.

    It is `model_state_dict`, or else the only dictionary of tensors in the file, or the file.
    """
    inner = content.get("model_state_dict")
    if inner is None:
        dicts = [v for v in content.values() if isinstance(v, dict) and _all_tensors(v)]
        bare = any(isinstance(value, Tensor) for value in content.values())
        inner = dicts[0] if len(dicts) == 1 and not bare else content
    if not isinstance(inner, dict):
        return {}
    return {WRAPPERS.sub("", k) if isinstance(k, str) else k: v for k, v in inner.items()}


def _all_tensors(entries: dict[Any, Any]) -> bool:
    return bool(entries) and all(isinstance(value, Tensor) for value in entries.values())


def split_state(path: Path, content: dict[str, Any]) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """State dict, and the plain values beside it.

    Raises:
        UltralifError: something that is no dense tensor, or too many parameters.
    """
    inner = state_keys(content)
    if not inner:
        raise UltralifError(f"{path}: no model_state_dict and no tensors; expected a checkpoint")
    state: dict[str, Tensor] = {}
    for key, value in inner.items():
        if not isinstance(value, Tensor) or not isinstance(key, str):
            raise UltralifError(f"{path}: entry {key!r} is no tensor; expected a state dict")
        if value.layout is not torch.strided or value.device.type != "cpu":
            raise UltralifError(
                f"{path}: {key} is a tensor of layout {value.layout} on {value.device}; expected "
                "a dense one with its values"
            )
        state[key] = value
    total = sum(tensor.numel() for tensor in state.values())
    if total > MAX_PARAMETERS:
        raise UltralifError(f"{path}: declares {total:,} parameters; at most {MAX_PARAMETERS:,}")
    record = {
        key: value
        for key, value in content.items()
        if isinstance(key, str) and isinstance(value, (int, float, str, bool))
    }
    return state, record


def _kinds(ablation: bool) -> dict[str, type[SoftNeuron]]:
    return ABLATION if ablation else RELEASED


def _neuron_kind(
    path: Path,
    state: dict[str, Tensor],
    ablation: bool,
    option: str | None,
    stored: dict[str, Any],
    hints: dict[str, Any],
    assumptions: Assumptions,
) -> str:
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
        {k: v for k, v in source.items() if k != "neuron" or v in possible}
        for source in (stored, hints)
    )
    default = possible[0]
    if len(possible) == 1:
        assumptions.add("neuron", default, "checkpoint")
        return default
    chosen = assumptions.choose("neuron", option, stored, hints, default, kind=str)
    others = ", ".join(kind for kind in possible if kind != chosen)
    assumptions.warn_of_default(
        "neuron",
        f"the neuron kind: its parameters are also those of {others}",
        f"--neuron {chosen}",
    )
    return chosen


def _compare_name(
    path: Path,
    name: ReleasedName,
    found: Mapping[str, Any],
    batch_norm: bool,
    assumptions: Assumptions,
) -> None:
    """Warn of what a file's name says otherwise than the file."""
    for what in name.contradictions(found, batch_norm):
        assumptions.warn(
            "file-name",
            f"{path.name}: the name and the file differ in whether it has {what}; the file is "
            "followed",
            "check that the file has its own name",
        )
    if name.unknown:
        assumptions.warn(
            "file-name",
            f"{path.name}: {', '.join(name.unknown)} in the name means nothing to this tool",
            "check that the network is the one shown by inspect",
        )


def _fill(path: Path, network: SoftNetwork, state: dict[str, Tensor], dtype: torch.dtype) -> None:
    for stage in network.stages():
        fixed = state.get(f"{stage.name}._fixed_eps")
        if isinstance(stage.neuron, LearnedEpsilon) and fixed is not None:
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
