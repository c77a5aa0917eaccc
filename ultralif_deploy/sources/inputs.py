"""Data and how they are encoded, resolved against what checkpoint, program and data say."""

from dataclasses import replace
from typing import Any

from ultralif_deploy.data import Dataset, load_dataset
from ultralif_deploy.data.encoders import Encoder, fitting_encodings, lacks_frames
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
from ultralif_deploy.program.program import Program
from ultralif_deploy.sources.settings import CONVENTIONS, Settings, refuse_settings


def open_inputs(program: Program, settings: Settings) -> tuple[Dataset, Encoder]:
    """Data and encoder for a program, which remembers how its inputs were made.

    Raises:
        UltralifError: no data given, or data that do not fit the program.
    """
    refuse_settings(settings, CONVENTIONS, "it is for NIR files of other tools")
    dataset = required(open_data(settings))
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


def required(dataset: Dataset | None) -> Dataset:
    """The data set.

    Raises:
        UltralifError: none was given.
    """
    if dataset is None:
        raise UltralifError("no data; give --data FILE.npz or --data digits")
    return dataset


def open_data(settings: Settings) -> Dataset | None:
    """The data set of the settings, if there is one; its test split cut to the limit.

    Raises:
        UltralifError: it cannot be read.
    """
    return None if settings.data is None else _limited(load_dataset(settings.data), settings)


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

    Args:
        settings: options as given.
        stored: settings that the file holds, by name.
        dataset: the samples; None without data.
        inputs: number of inputs of the network.
        assumptions: hold the timesteps already; take what is chosen here, and the warnings.
        default: encoding where nothing else tells.
        torch_axes: whether the network was trained on channels first.

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
