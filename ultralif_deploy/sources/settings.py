"""What the user asks for, resolved against what checkpoint, program and data say."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ultralif_deploy.data import Dataset, load_dataset
from ultralif_deploy.data.encoders import Encoder, fitting_encodings, lacks_frames, largest_input
from ultralif_deploy.data.loading import check_labels
from ultralif_deploy.data.samples import (
    channels_come_last,
    check_pixels,
    warn_of_polarities,
    warn_of_rounding,
    warn_of_saturation,
)
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.findings.assumptions import Assumptions
from ultralif_deploy.network.log_max import DEFAULT_ENTRIES
from ultralif_deploy.program.fixed import TABLE_MAX
from ultralif_deploy.program.program import Program
from ultralif_deploy.quantization.second_order import WordLengths

if TYPE_CHECKING:
    from ultralif_deploy.readers.second_order import HardCheckpoint
    from ultralif_deploy.soft.checkpoint import Checkpoint


SECOND_ORDER_KINDS = ("silif", "csilif", "adlif", "cadlif", "adalif")
"""Neuron kinds whose integer models have two state words."""


CONVENTIONS = (
    *("dt", "reset", "discretization", "fires", "synapse", "read_out"),
    *("max_spikes", "min_membrane"),
)
"""Settings that only NIR files of other tools need."""


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
        stateless: the membrane is reset at every timestep, in convolutional networks.
        input_side: height and width of the images that a convolutional network takes.
        membrane: `soft` or `hard`, for UltraLIF kinds.
        table: entries of the correction table of a soft membrane.
        seed: of the Bernoulli spikes.
        limit: use the first N test samples.
        state_bits: of the state words of second-order neurons.
        coefficient_bits: fraction bits of their coefficients.
        dt: seconds of a timestep, for NIR files of other tools.
        reset: a key of `resets.RESETS`, for NIR files of other tools.
        discretization: euler or exponential, for NIR files of other tools.
        fires: above or at the threshold, for NIR files of other tools.
        synapse: current or pulse, for NIR files of other tools.
        read_out: spikes or membrane, for NIR files of other tools.
        max_spikes: of a neuron in one timestep, for NIR files of other tools.
        min_membrane: lower bound of membranes, for NIR files of other tools.
        decay_bits: fraction bits of leaky models' decays; None is as many as they need.
        strict: refuse to guess what changes the result.
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
    stateless: bool | None = None
    input_side: int | None = None
    membrane: str | None = None
    table: int | None = None
    seed: int | None = None
    limit: int | None = None
    state_bits: int | None = None
    coefficient_bits: int | None = None
    dt: float | None = None
    reset: str | None = None
    discretization: str | None = None
    fires: str | None = None
    synapse: str | None = None
    read_out: str | None = None
    max_spikes: int | None = None
    min_membrane: float | None = None
    decay_bits: int | None = None
    strict: bool = False


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
        lengths: word lengths of second-order neurons.
        table: entries of the correction tables, where membranes are soft.
        decay_bits: of leaky models; None is as many as they need.
    """

    path: Path
    checkpoint: "Checkpoint | HardCheckpoint"
    dataset: Dataset | None
    encoder: Encoder
    assumptions: Assumptions
    input_maximum: int
    lengths: WordLengths = field(default_factory=WordLengths)
    table: int = DEFAULT_ENTRIES
    decay_bits: int | None = None


def open_checkpoint(path: str | Path, settings: Settings) -> Source:
    """Load a checkpoint and the data, and settle how samples are encoded.

    Raises:
        UltralifError: a bad file, or settings that contradict each other.
    """
    refuse_settings(settings, CONVENTIONS, "it is for NIR files of other tools")
    dataset = open_data(settings)
    loaded, default = _load(Path(path), settings, dataset)
    widths = loaded.widths
    encoder = settle_encoder(
        settings,
        loaded.settings,
        dataset,
        widths[0],
        loaded.assumptions,
        default=default,
        torch_axes=True,
    )
    if dataset is not None:
        check_classes(dataset, widths[-1])
    maximum = largest_input(encoder, dataset)
    lengths, table = _lengths(settings, loaded), _table(settings, loaded)
    assumed = loaded.assumptions
    return Source(
        path=Path(path),
        checkpoint=loaded,
        dataset=dataset,
        encoder=encoder,
        assumptions=assumed,
        input_maximum=maximum,
        lengths=lengths,
        table=table,
        decay_bits=settings.decay_bits,
    )


def _load(
    path: Path, settings: Settings, dataset: Dataset | None
) -> tuple["Checkpoint | HardCheckpoint", str]:
    """The network of a file, found from its keys, and how its inputs are encoded by default."""
    from ultralif_deploy.readers.second_order import is_second_order, read_second_order
    from ultralif_deploy.soft.checkpoint import load
    from ultralif_deploy.soft.checkpoint_file import read_tensors

    content = read_tensors(path)
    if is_second_order(content):
        for name in ("theta", "tau", "skip", "stateless", "input_side", "membrane"):
            value = getattr(settings, name)
            if value is not None:
                option = name.replace("_", "-")
                raise UltralifError(
                    f"{path}: --{option} {value}: second-order networks have no such setting"
                )
        found = read_second_order(
            path, content, neuron=settings.neuron, timesteps=settings.timesteps
        )
        return found, "events"
    loaded = load(
        path,
        content=content,
        timesteps=settings.timesteps,
        theta=settings.theta,
        tau=settings.tau,
        neuron=settings.neuron,
        skip=settings.skip,
        stateless=settings.stateless,
        input_side=settings.input_side,
        data_side=None if dataset is None else _side(dataset),
        membrane=settings.membrane,
    )
    architecture = loaded.network.architecture
    constant = architecture.spiking_output or architecture.channels
    return loaded, "constant" if constant else "rate"


def _lengths(settings: Settings, loaded: "Checkpoint | HardCheckpoint") -> WordLengths:
    """Word lengths, recorded where the network has neurons with two state words."""
    default = WordLengths()
    entries = loaded.assumptions.as_dict()
    record = loaded.assumptions
    if entries.get("neuron", {}).get("value") not in SECOND_ORDER_KINDS:
        record = Assumptions()
        for name in ("state_bits", "coefficient_bits"):
            if getattr(settings, name) is not None:
                raise UltralifError(
                    f"--{name.replace('_', '-')} {getattr(settings, name)}: only neurons with two "
                    f"state words have it ({', '.join(SECOND_ORDER_KINDS)})"
                )
    return WordLengths(
        record.choose("state_bits", settings.state_bits, {}, {}, default.state_bits, kind=int),
        record.choose(
            "coefficient_bits",
            settings.coefficient_bits,
            {},
            {},
            default.coefficient_bits,
            kind=int,
        ),
    )


def open_inputs(program: Program, settings: Settings) -> tuple[Dataset, Encoder]:
    """Data and encoder for a program, which remembers how its inputs were made.

    Raises:
        UltralifError: no data given, or data that do not fit the program.
    """
    refuse_settings(settings, CONVENTIONS, "it is for NIR files of other tools")
    dataset = open_data(settings)
    if dataset is None:
        raise UltralifError("no data; give --data FILE.npz or --data digits")
    stored = dict(program.encoding)
    if "kind" in stored:
        stored["encoding"] = stored["kind"]
    assumptions = Assumptions()
    assumptions.choose("timesteps", settings.timesteps, stored, {}, program.timesteps, kind=int)
    encoder = settle_encoder(
        settings, stored, dataset, program.input.size, assumptions, default="rate"
    )
    check_classes(dataset, program.readout.size)
    return dataset, encoder


def open_data(settings: Settings) -> Dataset | None:
    """The data set of the settings, if there is one; its test split cut to the limit.

    Raises:
        UltralifError: it cannot be read.
    """
    return None if settings.data is None else _limited(load_dataset(settings.data), settings)


def refuse_settings(settings: Settings, names: tuple[str, ...], why: str) -> None:
    """Refuse settings that mean nothing for a file.

    Raises:
        UltralifError: one of them was given.
    """
    for name in names:
        value = getattr(settings, name)
        if value is not None and value is not False:
            raise UltralifError(f"--{name.replace('_', '-')} {value}: {why}")


def settle_encoder(
    settings: Settings,
    stored: dict[str, Any],
    dataset: Dataset | None,
    inputs: int,
    assumptions: Assumptions,
    default: str,
    torch_axes: bool = False,
) -> Encoder:
    """How samples are encoded, by option, stored setting, shape of the data, default.

    With `torch_axes` the network was trained by torch on channels first, so that samples with
    channels last are turned.

    Raises:
        UltralifError: settings and data that contradict each other.
    """
    shaped: dict[str, Any] = {}
    entry = assumptions.as_dict()["timesteps"]
    timesteps = int(entry["value"])
    told = None if entry["source"] == "default" else timesteps
    fitting: tuple[str, ...] = ()
    if dataset is not None:
        fitting = fitting_encodings(dataset.test.x, inputs, told)
        if not fitting:
            raise UltralifError(
                f"{dataset.name}: samples of shape {dataset.test.x.shape[1:]}; the network takes "
                f"{inputs} inputs, expected images of {inputs} values or frames of {inputs} events"
            )
        shaped = {"encoding": "events"} if fitting[0] == "events" else {}
    kind = assumptions.choose(
        "encoding", settings.encoding, stored, shaped, default, kind=str, hint_source="data"
    )
    if dataset is not None and ("events" if kind == "events" else "rate") not in fitting:
        raise UltralifError(
            f"{dataset.name}: samples of shape {dataset.test.x.shape[1:]} for {inputs} inputs are "
            f"{'event frames' if fitting[0] == 'events' else 'images'}; encoding {kind} does not "
            "fit"
        )
    one_frame = dataset is not None and lacks_frames(dataset.test.x, inputs)
    if one_frame and assumptions.as_dict()["encoding"]["source"] in ("data", "default"):
        assert dataset is not None
        warn_of_polarities(dataset, kind, told, assumptions)
    if dataset is not None and kind != "events":
        check_pixels(dataset, assumptions)
    if kind == "events" and dataset is not None and told is None:
        timesteps = 1 if one_frame else dataset.test.x.shape[1]
        assumptions.add("timesteps", timesteps, "data")
    for name, value, fits in (
        ("gain", settings.gain, kind == "rate"),
        ("normalize", settings.normalize, kind != "events"),
    ):
        if value is not None and not fits:
            raise UltralifError(f"--{name} {value}: {kind} encoding has no such setting")
    encoder = Encoder(kind, timesteps, one_frame=one_frame and kind == "events")
    if kind == "rate":
        gain = assumptions.choose("gain", settings.gain, stored, {}, encoder.gain, kind=float)
        encoder = replace(encoder, gain=gain)
    if kind != "events":
        normalize = assumptions.choose(
            "normalize", settings.normalize, stored, {}, encoder.normalize, kind=str
        )
        encoder = replace(encoder, normalize=normalize)
        if dataset is not None and kind == "constant":
            warn_of_rounding(dataset, assumptions)
    turned = torch_axes or bool(stored.get("channels_last"))
    if turned and dataset is not None and channels_come_last(dataset.test.x):
        assumptions.add("axes", "channels last", "data")
        encoder = replace(encoder, channels_last=True)
    seed = assumptions.choose("seed", settings.seed, {}, {}, encoder.seed, kind=int)
    assumptions.warn_of_default(
        "timesteps",
        "the timesteps T: neither an option nor the file or its name tells",
        f"--timesteps {timesteps}",
    )
    if kind == "events" and dataset is not None:
        warn_of_saturation(encoder, dataset, assumptions)
    return replace(encoder, seed=seed)


def _side(dataset: Dataset) -> int | None:
    """Height of square images [sample, …, height, width]; None for other samples."""
    shape = dataset.test.x.shape
    if channels_come_last(dataset.test.x):
        shape = shape[:-1]
    return shape[-1] if len(shape) > 2 and shape[-1] == shape[-2] else None


def _table(settings: Settings, loaded: "Checkpoint | HardCheckpoint") -> int:
    if loaded.assumptions.as_dict().get("membrane", {}).get("value") == "soft":
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


def check_classes(dataset: Dataset, classes: int) -> None:
    """Refuse labels that a network of so many classes does not have."""
    for part, split in (("y_train", dataset.train), ("y_test", dataset.test)):
        if split is not None and split.y is not None:
            check_labels(split.y, classes, f"{dataset.name}: {part}")
