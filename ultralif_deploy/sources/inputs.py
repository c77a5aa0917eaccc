"""Opens the data, and chooses their encoding from options, the file and the data themselves."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar

from ultralif_deploy.data import Dataset, load_dataset
from ultralif_deploy.data.binning import Binning
from ultralif_deploy.data.encoders import Encoder, fitting_encodings, lacks_frames
from ultralif_deploy.data.loading import check_labels
from ultralif_deploy.data.samples import (
    channels_come_last,
    check_pixels,
    images_or_polarities,
    rounded_pixels,
    saturated_counts,
    single_class,
    with_sample_axis,
)
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.findings.assumptions import Assumptions, Chosen, choose
from ultralif_deploy.findings.findings import Finding
from ultralif_deploy.program.program import Program
from ultralif_deploy.sources.backbones import behind_backbone, reads_features
from ultralif_deploy.sources.settings import (
    BINNING,
    CONVENTIONS,
    NO_SOFT_NETWORK,
    Settings,
    refuse_settings,
)

T = TypeVar("T", int, float, str)


def open_inputs(
    program: Program, settings: Settings
) -> tuple[Dataset, Encoder, tuple[Finding, ...]]:
    """The data and the encoder for a program, which stores how its inputs were made.

    Returns:
        The data set, the encoder, and what speaks against these data.

    Raises:
        UltralifError: no data were given, or they do not fit the program.
    """
    refuse_settings(settings, CONVENTIONS, "it is for NIR files of other tools")
    refuse_settings(settings, ("device",), NO_SOFT_NETWORK)
    stored = dict(program.encoding)
    if "kind" in stored:
        stored["encoding"] = stored["kind"]
    opened = required(open_data(settings, stored))
    steps = choose("timesteps", settings.timesteps, stored, {}, program.timesteps, kind=int)
    dataset = fitted(opened, settings, stored, program.input.size, steps)
    encoder, encoding = settle_encoder(
        settings, stored, dataset, program.input.size, steps, default="rate"
    )
    check_classes(dataset, program.readout.size)
    return dataset, encoder, encoding.findings


def required(dataset: Dataset | None) -> Dataset:
    """The given data set, which must not be None.

    Raises:
        UltralifError: it is None.
    """
    if dataset is None:
        raise UltralifError("no data; give --data with a file or folder, or --data digits")
    return dataset


def open_data(settings: Settings, stored: Mapping[str, Any] | None = None) -> Dataset | None:
    """The data set that the settings name; None without one.

    Args:
        settings: options as given.
        stored: settings that the network's file or its name holds, by name; recordings of events
            are binned as they say where no option does.

    Raises:
        UltralifError: the data set cannot be read, the backbone is bad, or options for recordings
            are given for other data.
    """
    dataset = None
    if settings.data is not None:
        dataset = load_dataset(settings.data, _binning(settings, stored or {}))
        measured = settings.split == "validation"
        dataset = dataset.validating() if measured else replace(dataset, validation=None)
        _check_limit(settings)
        dataset = behind_backbone(dataset, settings, stored or {})
    else:
        refuse_settings(settings, ("backbone",), "no data are given, whose features it computes")
    if dataset is None or not dataset.recorded:
        what = "no data are given" if dataset is None else f"{dataset.name} holds no recordings"
        refuse_settings(settings, BINNING, f"{what}; it is for recordings of events")
    return dataset


def _binning(settings: Settings, stored: Mapping[str, Any]) -> Binning:
    """How recordings of events become frames, by option or as the network's file says."""
    return Binning(
        _told("timesteps", settings.timesteps, stored, int),
        _told("bin", settings.bin, stored, float),
        _told("sensor", settings.sensor, stored, str),
        _told("polarity", settings.polarity, stored, str),
    )


def _told(name: str, option: T | None, stored: Mapping[str, Any], kind: type[T]) -> T | None:
    """A setting, from an option or a file; None where neither has it."""
    if option is None and stored.get(name) is None:
        return None
    return choose(name, option, stored, {}, kind(), kind=kind).value


def fitted(
    dataset: Dataset,
    settings: Settings,
    stored: Mapping[str, Any],
    inputs: int,
    timesteps: Chosen[int],
) -> Dataset:
    """The data set with an axis of samples, and at most as many test samples as the limit says.

    Args:
        dataset: data set as opened.
        settings: options as given.
        stored: settings that the network's file holds, by name.
        inputs: number of inputs of the network.
        timesteps: T, as chosen without the data.

    Raises:
        UltralifError: a limit below 1.
    """
    encoding = settings.encoding or stored.get("encoding")
    told = None if timesteps.is_default else timesteps.value
    return limited(with_sample_axis(dataset, inputs, encoding, told), settings)


def settle_encoder(
    settings: Settings,
    stored: Mapping[str, Any],
    dataset: Dataset | None,
    inputs: int,
    timesteps: Chosen[int],
    default: str,
    torch_axes: bool = False,
) -> tuple[Encoder, Assumptions]:
    """Choose how samples are encoded.

    Each setting is taken from the first of these that has it: the options, the file, the shape of
    the data, the default.

    Args:
        settings: options as given.
        stored: settings that the file holds, by name.
        dataset: the samples; None without data.
        inputs: number of inputs of the network.
        timesteps: T, as chosen without the data.
        default: encoding if nothing else decides it.
        torch_axes: whether torch trained the network on images with channels first; images with
            channels last are then transposed.

    Returns:
        The encoder, and its settings with their origins. T is one of them if the data decided it.

    Raises:
        UltralifError: settings and data contradict each other.
    """
    told = None if timesteps.is_default else timesteps.value
    encoding = _encoding(settings, stored, dataset, inputs, told, default)
    kind = encoding.value
    chosen: list[Chosen[str | int | float | bool]] = [encoding]
    findings: list[Finding] = []
    one_frame = False
    if dataset is not None:
        findings += single_class(dataset)
        one_frame = lacks_frames(dataset.test.x, inputs) and not dataset.recorded
        if one_frame and encoding.origin in ("data", "default"):
            findings += images_or_polarities(dataset, kind, told)
        if kind != "events":
            findings += check_pixels(dataset)
        elif told is None:
            frames = 1 if one_frame else dataset.test.x.shape[1]
            timesteps = Chosen("timesteps", frames, "data")
            chosen.append(timesteps)
        elif not one_frame and timesteps.origin != "option":
            _refuse_unasked(dataset, timesteps.value, _told("frames", None, stored, int))
    _refuse_unfit(settings, kind)
    encoder = Encoder(kind, timesteps.value, one_frame=one_frame and kind == "events")
    if kind == "rate":
        gain = choose("gain", settings.gain, stored, {}, encoder.gain, kind=float)
        encoder = replace(encoder, gain=gain.value)
        chosen.append(gain)
    if kind != "events" and (dataset is None or dataset.features is None):
        normalize = choose("normalize", settings.normalize, stored, {}, encoder.normalize, kind=str)
        encoder = replace(encoder, normalize=normalize.value)
        chosen.append(normalize)
    encoder, behind, clipped = reads_features(encoder, settings, stored, dataset)
    chosen += behind
    findings += clipped
    if dataset is not None and kind == "constant":
        findings += rounded_pixels(dataset)
    turned = torch_axes or bool(stored.get("channels_last"))
    if turned and dataset is not None and channels_come_last(dataset.test.x):
        encoder = replace(encoder, channels_last=True)
        chosen.append(Chosen("axes", "channels last", "data"))
    seed = choose("seed", settings.seed, {}, {}, encoder.seed, kind=int)
    chosen.append(seed)
    findings += timesteps.doubts(
        "the timesteps T: neither an option nor the file or its name tells",
        f"--timesteps {timesteps.value}",
    )
    if kind == "events" and dataset is not None:
        findings += saturated_counts(encoder, dataset)
    encoder = replace(encoder, seed=seed.value)
    if kind == "events":
        encoder, recorded = _recorded(encoder, settings, stored, dataset)
        chosen += recorded
    return encoder, Assumptions(tuple(chosen), tuple(findings))


def _recorded(
    encoder: Encoder, settings: Settings, stored: Mapping[str, Any], dataset: Dataset | None
) -> tuple[Encoder, list[Chosen[str | float]]]:
    """How recordings of events became frames, kept with the encoder, and where that came from.

    Args:
        encoder: without it.
        settings: options as given.
        stored: settings that the file holds, by name.
        dataset: the samples; None without data, where what is stored stays as it is.
    """
    how = _binning(settings, stored) if dataset is None else dataset.binning
    frames = _told("frames", None, stored, int)
    if dataset is not None:
        frames = 1 if encoder.one_frame else dataset.test.x.shape[1] // encoder.timesteps
    chosen: list[Chosen[str | float]] = []
    for name, value in (("bin", how.bin_ms), ("sensor", how.sensor), ("polarity", how.polarity)):
        if value is not None:
            given, held = getattr(settings, name) is not None, stored.get(name) is not None
            origin = "option" if given else "checkpoint" if held else "data"
            chosen.append(Chosen(name, value, origin))
    encoder = replace(encoder, bin=how.bin_ms, sensor=how.sensor, polarity=how.polarity)
    return replace(encoder, frames=frames if frames and frames > 1 else None), chosen


def _refuse_unasked(dataset: Dataset, timesteps: int, stored: int | None) -> None:
    """Refuse to add up frames where neither an option nor an earlier command asked for it.

    Args:
        dataset: event frames.
        timesteps: T, as the network's file or its name tells it.
        stored: number of frames in each timestep, if the file tells it.
    """
    frames = dataset.test.x.shape[1]
    if frames == timesteps * (stored or 1) or frames == timesteps:
        return
    adding = f"--timesteps {timesteps} adds up {frames // timesteps} frames each, "
    raise UltralifError(
        f"{dataset.name}: {frames} frames, and the network's file or its name tells T = "
        f"{timesteps}; {'' if frames % timesteps else adding}--timesteps {frames} takes them as "
        "they are"
    )


def _encoding(
    settings: Settings,
    stored: Mapping[str, Any],
    dataset: Dataset | None,
    inputs: int,
    told: int | None,
    default: str,
) -> Chosen[str]:
    """Choose the kind of encoding.

    Args:
        settings: options as given.
        stored: settings that the file holds, by name.
        dataset: the samples; None without data.
        inputs: number of inputs of the network.
        told: T, if an option or the file says it; otherwise None.
        default: encoding if nothing else decides it.
    """
    if dataset is None:
        return choose("encoding", settings.encoding, stored, {}, default, kind=str)
    if dataset.features is not None:
        return _graded(settings, dataset, inputs)
    shape = dataset.test.x.shape[1:]
    fitting = fitting_encodings(dataset.test.x, inputs, told)
    if not fitting:
        raise UltralifError(
            f"{dataset.name}: samples of shape {shape}; the network takes {inputs} inputs, "
            f"expected images of {inputs} values or frames of {inputs} events"
        )
    shaped = {"encoding": "events"} if fitting[0] == "events" or dataset.recorded else {}
    chosen = choose(
        "encoding", settings.encoding, stored, shaped, default, kind=str, hint_origin="data"
    )
    if ("events" if chosen.value == "events" else "rate") not in fitting:
        raise UltralifError(
            f"{dataset.name}: samples of shape {shape} for {inputs} inputs are "
            f"{'event frames' if fitting[0] == 'events' else 'images'}; encoding {chosen.value} "
            "does not fit"
        )
    return chosen


def _graded(settings: Settings, dataset: Dataset, inputs: int) -> Chosen[str]:
    """The encoding of features, which are graded inputs.

    Args:
        settings: options as given.
        dataset: features.
        inputs: number of inputs of the network.
    """
    features = dataset.test.x.shape[1]
    if settings.encoding not in (None, "constant"):
        raise UltralifError(
            f"--encoding {settings.encoding}: features of a backbone are graded inputs; expected "
            "constant"
        )
    if features != inputs:
        raise UltralifError(
            f"{dataset.name}: the backbone gives {features} features, the network takes {inputs} "
            "inputs; expected as many"
        )
    return Chosen("encoding", "constant", "features of the backbone")


def _refuse_unfit(settings: Settings, kind: str) -> None:
    """Refuse options that this encoding does not use."""
    for name, value, fits in (
        ("gain", settings.gain, kind == "rate"),
        ("normalize", settings.normalize, kind != "events"),
    ):
        if value is not None and not fits:
            raise UltralifError(f"--{name} {value}: {kind} encoding has no such setting")


def limited(dataset: Dataset, settings: Settings) -> Dataset:
    """The data set with at most `limit` test samples.

    Raises:
        UltralifError: a limit below 1.
    """
    _check_limit(settings)
    if settings.limit is None:
        return dataset
    return replace(dataset, test=dataset.test.cut(settings.limit)[0])


def _check_limit(settings: Settings) -> None:
    if settings.limit is not None and settings.limit < 1:
        raise UltralifError(f"limit = {settings.limit}; expected at least 1")


def check_classes(dataset: Dataset, classes: int) -> None:
    """Refuse labels that a network with this number of classes cannot return."""
    for part, split in (("y_train", dataset.train), ("y_test", dataset.test)):
        if split is not None and split.y is not None:
            check_labels(split.y, classes, f"{dataset.name}: {part}")
