"""What the user asks for, resolved against what checkpoint, program and data say."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ultralif_deploy.assumptions import Assumptions
from ultralif_deploy.data import Dataset, load_dataset
from ultralif_deploy.data.loading import check_labels
from ultralif_deploy.encode import Encoder, choose_encoding
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.fixed import TABLE_MAX
from ultralif_deploy.log_max import DEFAULT_ENTRIES
from ultralif_deploy.program import Program

if TYPE_CHECKING:
    from ultralif_deploy.checkpoint import Checkpoint


@dataclass(frozen=True, slots=True)
class Settings:
    """Options as given; None means: take it from the file, its name or the default.

    Attributes:
        data: `digits` or a .npz file.
        normalize: none, mnist or fashion.
        encoding: rate, constant or events.
        gain: of the rate encoding.
        timesteps: T.
        theta: firing threshold θ.
        tau: decay, for neurons that do not learn it.
        neuron: the authors' key.
        skip: residual connections.
        input_side: height and width of the images that a convolutional network takes.
        membrane: `soft` or `hard`, for UltraLIF kinds.
        table: entries of the correction table of a soft membrane.
        seed: of the Bernoulli spikes.
        limit: use the first N test samples.
    """

    data: str | Path | None = None
    normalize: str | None = None
    encoding: str | None = None
    gain: float | None = None
    timesteps: int | None = None
    theta: float | None = None
    tau: float | None = None
    neuron: str | None = None
    skip: bool | None = None
    input_side: int | None = None
    membrane: str | None = None
    table: int | None = None
    seed: int | None = None
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """A checkpoint with the data and encoder that belong to it.

    Attributes:
        path: the checkpoint file.
        checkpoint: as loaded.
        dataset: or None when none was given; its test split cut to the limit.
        encoder: of the inputs.
        assumptions: every setting with its source.
        input_maximum: largest integer input to provide for.
        table: entries of the correction tables, where membranes are soft.
    """

    path: Path
    checkpoint: "Checkpoint"
    dataset: Dataset | None
    encoder: Encoder
    assumptions: Assumptions
    input_maximum: int
    table: int


def open_checkpoint(path: str | Path, settings: Settings) -> Source:
    """Load a checkpoint and the data, and settle how samples are encoded.

    Raises:
        UltralifError: a bad file, or settings that contradict each other.
    """
    from ultralif_deploy.checkpoint import load

    dataset = None if settings.data is None else _limited(load_dataset(settings.data), settings)
    loaded = load(
        path,
        timesteps=settings.timesteps,
        theta=settings.theta,
        tau=settings.tau,
        neuron=settings.neuron,
        skip=settings.skip,
        input_side=settings.input_side,
        data_side=None if dataset is None else _side(dataset),
        membrane=settings.membrane,
    )
    architecture = loaded.network.architecture
    table = _table(settings, loaded)
    encoder = _encoder(
        settings,
        loaded.settings,
        dataset,
        architecture.widths[0],
        loaded.assumptions,
        default="constant" if architecture.spiking_output or architecture.channels else "rate",
    )
    if dataset is not None:
        _check_classes(dataset, architecture.widths[-1])
    maximum = 1 if encoder.kind == "rate" else 255
    if dataset is not None:
        maximum = encoder.largest(dataset.test.x)
    return Source(Path(path), loaded, dataset, encoder, loaded.assumptions, maximum, table)


def open_inputs(program: Program, settings: Settings) -> tuple[Dataset, Encoder]:
    """Data and encoder for a program, which remembers how its inputs were made.

    Raises:
        UltralifError: no data given, or data that do not fit the program.
    """
    if settings.data is None:
        raise UltralifError("no data; give --data FILE.npz or --data digits")
    dataset = _limited(load_dataset(settings.data), settings)
    stored = dict(program.encoding)
    if "kind" in stored:
        stored["encoding"] = stored["kind"]
    assumptions = Assumptions()
    assumptions.choose("timesteps", settings.timesteps, stored, {}, program.timesteps, kind=int)
    encoder = _encoder(settings, stored, dataset, program.input.size, assumptions, default="rate")
    _check_classes(dataset, program.readout.size)
    return dataset, encoder


def _encoder(
    settings: Settings,
    stored: dict[str, Any],
    dataset: Dataset | None,
    inputs: int,
    assumptions: Assumptions,
    default: str,
) -> Encoder:
    shaped: dict[str, Any] = {}
    entries = assumptions.as_dict()
    if dataset is not None:
        seen = choose_encoding(dataset.test.x, inputs)
        if seen is None:
            raise UltralifError(
                f"{dataset.name}: samples of shape {dataset.test.x.shape[1:]}; the network takes "
                f"{inputs} inputs, expected images of {inputs} values or frames of {inputs} events"
            )
        shaped = {"encoding": seen} if seen == "events" else {}
    kind = assumptions.choose(
        "encoding", settings.encoding, stored, shaped, default, kind=str, hint_source="data"
    )
    if dataset is not None and (kind == "events") != (seen == "events"):
        raise UltralifError(
            f"{dataset.name}: samples of shape {dataset.test.x.shape[1:]} for {inputs} inputs are "
            f"{'event frames' if seen == 'events' else 'images'}; encoding {kind} does not fit"
        )
    timesteps = int(entries["timesteps"]["value"])
    if kind == "events" and dataset is not None and entries["timesteps"]["source"] == "default":
        timesteps = dataset.test.x.shape[1]
        assumptions.add("timesteps", timesteps, "data")
    for name, value, fits in (
        ("gain", settings.gain, kind == "rate"),
        ("normalize", settings.normalize, kind != "events"),
    ):
        if value is not None and not fits:
            raise UltralifError(f"--{name} {value}: {kind} encoding has no such setting")
    encoder = Encoder(kind, timesteps)
    if kind == "rate":
        gain = assumptions.choose("gain", settings.gain, stored, {}, encoder.gain, kind=float)
        encoder = replace(encoder, gain=gain)
    if kind != "events":
        normalize = assumptions.choose(
            "normalize", settings.normalize, stored, {}, encoder.normalize, kind=str
        )
        encoder = replace(encoder, normalize=normalize)
    seed = assumptions.choose("seed", settings.seed, {}, {}, encoder.seed, kind=int)
    return replace(encoder, seed=seed)


def _side(dataset: Dataset) -> int | None:
    """Height of square images [sample, …, height, width]; None for other samples."""
    shape = dataset.test.x.shape
    return shape[-1] if len(shape) > 2 and shape[-1] == shape[-2] else None


def _table(settings: Settings, loaded: "Checkpoint") -> int:
    if loaded.network.architecture.membrane == "soft":
        chosen = loaded.assumptions.choose(
            "table", settings.table, loaded.settings, {}, DEFAULT_ENTRIES, kind=int
        )
        if not 1 <= chosen <= TABLE_MAX:
            raise UltralifError(f"table = {chosen}; expected 1 to {TABLE_MAX} entries")
        return chosen
    if settings.table is not None:
        raise UltralifError(
            f"--table {settings.table}: hard membranes need no table; give --membrane soft too"
        )
    return DEFAULT_ENTRIES


def _limited(dataset: Dataset, settings: Settings) -> Dataset:
    if settings.limit is not None and settings.limit < 1:
        raise UltralifError(f"limit = {settings.limit}; expected at least 1")
    if settings.limit is None:
        return dataset
    return replace(dataset, test=dataset.test.cut(settings.limit)[0])


def _check_classes(dataset: Dataset, classes: int) -> None:
    for part, split in (("y_train", dataset.train), ("y_test", dataset.test)):
        if split is not None and split.y is not None:
            check_labels(split.y, classes, f"{dataset.name}: {part}")
