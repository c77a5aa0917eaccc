"""The network to be trained: choose architecture and inputs from options and data."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch

from ultralif_deploy.data import Dataset, Split
from ultralif_deploy.data.encoders import Encoder, lacks_frames, whole_counts
from ultralif_deploy.data.samples import DARK_MAXIMUM
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.findings.assumptions import Assumptions, Chosen, choose, joined
from ultralif_deploy.io.memory import check_memory
from ultralif_deploy.program.weight_format import Bits, formats_of
from ultralif_deploy.soft.architectures import Architecture, build
from ultralif_deploy.soft.checkpoint import DEFAULT_TAU, MAX_TIMESTEPS
from ultralif_deploy.soft.checkpoint_file import PARAMETER_BYTES
from ultralif_deploy.soft.compute import settled_device
from ultralif_deploy.soft.neurons.kinds import default_theta
from ultralif_deploy.soft.shapes import MAX_SIDE
from ultralif_deploy.sources.checkpoints import image_side
from ultralif_deploy.sources.inputs import (
    check_classes,
    limited,
    open_data,
    required,
    settle_encoder,
)
from ultralif_deploy.sources.settings import CONVENTIONS, Settings, refuse_settings
from ultralif_deploy.sources.trajectories import MOST_EPOCHS

ARCHITECTURES: dict[str, tuple[int, ...]] = {
    "snn": (),
    "convsnn": (32, 64),
    "deepconvsnn": (32, 64, 128, 256),
    "spikingresnet18": (64, 128, 256, 512),
}
"""Released architectures, with the channels of their stages."""

BLOCKS = 2
"""Number of blocks in each stage of SpikingResNet18."""

MOST_LAYERS = 100
TIMESTEPS = 10
NEURON = "ultratplif"

AFTERWARDS = (
    *("input_side", "membrane", "table", "state_bits", "coefficient_bits"),
    *("decay_bits", "strict"),
)
"""Settings of the steps after training."""


@dataclass(frozen=True, slots=True)
class TrainOptions:
    """What to train, and how; neuron, data and encoding are in `Settings`.

    Attributes:
        architecture: a key of `ARCHITECTURES`; `snn` is fully connected.
        hidden: neurons per hidden layer of `snn`; None is one layer of 64.
        channels: channels of the stages of other architectures; None uses the released values.
        batch_norm: before each hidden neuron; spikingresnet18 always has it.
        epochs: passes over the training samples.
        learning_rate: learning rate of Adam at the start; falls to 0 along a cosine.
        batch_size: samples per step.
        sparsity: λ of the penalty on the mean spike rate.
        margin: μ of the penalty on soft spikes, 4·s·(1 − s) in the mean, which keeps membrane
            potentials away from the threshold.
        bits: quantize in the loop to this weight format; None trains float weights.
    """

    architecture: str = "snn"
    hidden: tuple[int, ...] | None = None
    channels: tuple[int, ...] | None = None
    batch_norm: bool = False
    epochs: int = 100
    learning_rate: float = 1e-3
    batch_size: int = 128
    sparsity: float = 0.0
    margin: float = 0.0
    bits: Bits | None = None

    def __post_init__(self) -> None:
        for what, wrong in self._mistakes():
            if wrong:
                raise UltralifError(what)
        if self.bits is not None:
            formats_of(self.bits, self.bits if isinstance(self.bits, Mapping) else ())

    def _mistakes(self) -> Iterator[tuple[str, bool]]:
        """Messages of possible mistakes, and whether each applies here."""
        known, dense = self.architecture in ARCHITECTURES, self.architecture == "snn"
        yield f"architecture {self.architecture!r}; expected {', '.join(ARCHITECTURES)}", not known
        yield (
            f"hidden = {self.hidden}: {self.architecture} has channels",
            bool(not dense and self.hidden is not None),
        )
        stages = ARCHITECTURES.get(self.architecture, ())
        channels = stages if self.channels is None else self.channels
        expected = f"{len(stages)} for {self.architecture}" if stages else "none for snn"
        yield f"channels = {channels}; expected {expected}", len(channels) != len(stages)
        sizes = self.layers if dense else channels
        yield f"{sizes}: expected sizes of at least 1", any(size < 1 for size in sizes)
        layers = len(self.layers)
        yield f"{layers} hidden layers; expected 1 to {MOST_LAYERS}", not 1 <= layers <= MOST_LAYERS
        few = 1 <= self.epochs <= MOST_EPOCHS
        yield f"epochs = {self.epochs}; expected 1 to {MOST_EPOCHS}", not few
        rate = self.learning_rate
        yield (
            f"learning rate = {rate}; expected a finite number above 0",
            not (math.isfinite(rate) and rate > 0),
        )
        yield f"batch size = {self.batch_size}; expected at least 2", self.batch_size < 2
        for name, weight in (("sparsity", self.sparsity), ("margin", self.margin)):
            yield (
                f"{name} = {weight}; expected a finite number of at least 0",
                not (math.isfinite(weight) and weight >= 0),
            )

    @property
    def layers(self) -> tuple[int, ...]:
        """Neurons per hidden layer of a fully connected network."""
        return (64,) if self.hidden is None else self.hidden

    @property
    def stages(self) -> tuple[int, ...]:
        """Channels per stage."""
        return ARCHITECTURES[self.architecture] if self.channels is None else self.channels


@dataclass(frozen=True, slots=True)
class Untrained:
    """A network before its first epoch, and its samples.

    Attributes:
        architecture: architecture of the network.
        train: samples with labels.
        test: samples, with labels or without.
        encoder: encoder of the inputs; its seed is also used for the initial weights.
        assumptions: every setting with its origin.
        device: the device on which torch trains.
    """

    architecture: Architecture
    train: Split
    test: Split
    encoder: Encoder
    assumptions: Assumptions
    device: torch.device


def open_untrained(settings: Settings, options: TrainOptions) -> Untrained:
    """Read the data and choose the network to train on them.

    Raises:
        UltralifError: no training labels, or settings that fit neither data nor architecture.
    """
    refuse_settings(settings, CONVENTIONS, "it is for NIR files of other tools")
    refuse_settings(settings, AFTERWARDS, "training has no such setting")
    device, computing = settled_device(settings.device)
    dataset = limited(required(open_data(settings)), settings)
    train = dataset.train
    if train is None or train.y is None:
        raise UltralifError(
            f"{dataset.name}: no training labels; expected x_train and y_train in the file"
        )
    inputs, timesteps = _inputs(dataset, settings), settings.timesteps
    steps = Chosen("timesteps", timesteps or TIMESTEPS, "option" if timesteps else "training")
    if timesteps is not None and not 1 <= timesteps <= MAX_TIMESTEPS:
        raise UltralifError(f"timesteps = {timesteps}; expected 1 to {MAX_TIMESTEPS}")
    if timesteps is None and _are_frames(dataset, inputs):
        steps = choose("timesteps", None, {}, {}, TIMESTEPS, kind=int)  # the data determine T
    default = "rate" if options.architecture == "snn" else "constant"
    encoder, encoding = settle_encoder(
        settings, {}, dataset, inputs, steps, default, torch_axes=True
    )
    classes = _classes(dataset, train)
    architecture, chosen = _architecture(settings, options, dataset, inputs, classes)
    assumptions = joined(chosen, steps.recorded(), encoding, computing)
    return Untrained(architecture, train, dataset.test, encoder, assumptions, device)


def _inputs(dataset: Dataset, settings: Settings) -> int:
    """Number of input values per timestep: of an event frame or of an image."""
    x = dataset.test.x
    whole = int(np.prod(x.shape[1:]))
    told = settings.encoding == "events" or dataset.recorded
    if x.ndim < 3 or not (told or (settings.encoding is None and _look_like_frames(x))):
        return whole
    one_frame = lacks_frames(x, whole) and settings.timesteps in (None, 1) and not dataset.recorded
    return whole if one_frame else int(np.prod(x.shape[2:]))


def _look_like_frames(x: np.ndarray) -> bool:
    """Whether samples have time and polarity axes, or are small counts and no square image."""
    if x.ndim == 3:
        return x.shape[1] != x.shape[2] and whole_counts(x) and x.max() <= DARK_MAXIMUM
    return x.ndim == 5 or (x.ndim == 4 and x.shape[2] == 2)


def _are_frames(dataset: Dataset, inputs: int) -> bool:
    x = dataset.test.x
    return inputs != int(np.prod(x.shape[1:])) or lacks_frames(x, inputs)


def _classes(dataset: Dataset, train: Split) -> int:
    """Number of classes; the training labels count them from 0."""
    assert train.y is not None
    classes = int(train.y.max()) + 1
    if not 2 <= classes <= len(train.y):
        raise UltralifError(
            f"{dataset.name}: y_train numbers {classes} classes for {len(train.y)} samples; "
            "expected 2 or more, numbered from 0"
        )
    check_classes(dataset, classes)
    return classes


def _architecture(
    settings: Settings, options: TrainOptions, dataset: Dataset, inputs: int, classes: int
) -> tuple[Architecture, Assumptions]:
    neuron = choose("neuron", settings.neuron, {}, {}, NEURON, kind=str)
    theta = choose("theta", settings.theta, {}, {}, default_theta(neuron.value, False), kind=float)
    tau = choose("tau", settings.tau, {}, {}, DEFAULT_TAU, kind=float)
    dense, residual = options.architecture == "snn", options.architecture == "spikingresnet18"
    widths, channels, side = (inputs, *options.layers, classes), (), 0
    if not dense:
        widths, side = (inputs, classes), _side(dataset, inputs, options)
        stages = np.repeat(options.stages, BLOCKS).tolist() if residual else options.stages
        stem = options.stages[:1] if residual else ()
        channels = (inputs // side**2, *stem, *stages)
    architecture = Architecture(
        widths,
        neuron.value,
        batch_norm=options.batch_norm or residual,
        skip=bool(settings.skip),
        theta=theta.value,
        tau=tau.value,
        channels=channels,
        side=side,
        residual=residual,
        stateless=bool(settings.stateless),
    )
    learned = _check(architecture, settings)
    kept: list[Chosen[str | int | float | bool]]
    kept = [one for one in (neuron, theta, tau) if one.name not in learned]
    for name in ("skip", "stateless"):
        if getattr(settings, name) is not None:
            kept.append(Chosen(name, getattr(settings, name), "option"))
    return architecture, Assumptions(tuple(kept))


def _check(architecture: Architecture, settings: Settings) -> set[str]:
    """Refuse settings that do not apply; return the names of those that the neurons learn."""
    a, hidden = architecture, architecture.widths[1:-1]
    parameters = set(a.neuron_class().parameter_names)
    learned = {"theta"} if "_thresh" in parameters else set()
    learned |= {"tau"} if parameters & {"_tau", "_log_tau"} else set()
    for name in sorted(learned):
        if getattr(settings, name) is not None:
            raise UltralifError(f"--{name} {getattr(settings, name)}: {a.neuron} learns it")
    if not (math.isfinite(a.theta) and 0 < a.tau <= 1):
        raise UltralifError(f"theta = {a.theta}, tau = {a.tau}; expected a finite θ and 0 < τ ≤ 1")
    if a.skip and (len(hidden) < 2 or len(set(hidden)) > 1):
        raise UltralifError(f"--skip needs two or more hidden layers of one width, found {hidden}")
    if a.stateless and (not a.channels or a.residual):
        raise UltralifError("--stateless: only ConvSNN and DeepConvSNN have that form")
    with torch.device("meta"):
        modules = build(a).values()
    total = sum(p.numel() for module in modules for p in module.parameters())
    check_memory(f"{total:,} parameters in float64", PARAMETER_BYTES * total)
    return learned


def _side(dataset: Dataset, inputs: int, options: TrainOptions) -> int:
    """Height and width (one number) of the input images or frames of convolutions."""
    side = image_side(dataset)
    if side is None or inputs % side**2 or not side <= MAX_SIDE:
        raise UltralifError(
            f"{dataset.name}: samples of shape {dataset.test.x.shape[1:]}; {options.architecture} "
            f"needs square images of at most {MAX_SIDE} pixels a side"
        )
    pooled = 0 if options.architecture == "spikingresnet18" else len(options.stages)
    if not side >> pooled:
        raise UltralifError(
            f"{dataset.name}: images of {side} pixels a side; {options.architecture} halves them "
            f"{pooled} times and needs at least {1 << pooled}"
        )
    return side
