"""Turns the images of a data set into features of a backbone, 8 bits each."""

import hashlib
from dataclasses import replace

import numpy as np

from ultralif_deploy.data.backbone.model_file import Model
from ultralif_deploy.data.backbone.record import LEVELS, Features
from ultralif_deploy.data.backbone.running import Runner
from ultralif_deploy.data.normalization import normalization
from ultralif_deploy.data.splits import Dataset, Split
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.io.memory import check_memory
from ultralif_deploy.io.progress import each_sample
from ultralif_deploy.schema.backbone import Backbone

BLOCK = 256
"""Samples whose features are float64 at once."""

MOST_REMEMBERED = 2
"""Splits whose features are kept: a search over settings opens the same data again and again."""

_remembered: dict[str, np.ndarray] = {}


def featured(
    dataset: Dataset, model: Model, pixels: str, reading: str | None, limit: int | None
) -> Dataset:
    """A data set whose samples are features uint8 [sample, feature].

    Args:
        dataset: images, as they were loaded.
        model: the backbone.
        pixels: normalization of the pixels, as the backbone was trained with.
        reading: reading of features that a program states; None takes the range of the training
            samples, or of the test samples where there are no others.
        limit: use the first so many test samples; None uses all.

    Raises:
        UltralifError: samples that are no images, or that the backbone does not take.
    """
    if dataset.recorded:
        raise UltralifError(
            f"{dataset.name}: recordings of events; a backbone takes images, so give frames of "
            "them as images, or features that you computed"
        )
    test, train = _placed(model, dataset.test), dataset.train
    test = test if limit is None else test.cut(limit)[0]
    runner = Runner(model, test.x.shape[1:])
    splits = {"test": test} | ({} if train is None else {"train": _placed(model, train)})
    made = {
        name: _remembered_floats(dataset.name, runner, split.x, pixels)
        for name, split in splits.items()
    }
    origin = "stored" if reading else "train" if "train" in made else "test"
    reading = reading or _reading(dataset.name, made[origin])
    stored = {name: _stored(values, reading) for name, values in made.items()}
    figures = _figures(runner, made["test"], stored["test"], reading)
    return replace(
        dataset,
        test=replace(test, x=stored["test"]),
        train=None if train is None else replace(train, x=stored["train"]),
        features=Features(model, pixels, reading, figures),
    )


def scale_and_offset(reading: str) -> tuple[float, float]:
    """Scale and offset of a reading, as the encoder has them."""
    (mean,), (deviation,) = normalization(reading)
    return float(1 / (LEVELS * deviation)), float(-mean / deviation) + 0.0  # never −0


def _placed(model: Model, split: Split) -> Split:
    """Samples with their axes as the backbone takes them: channels first.

    Raises:
        UltralifError: they have another shape.
    """
    x, wanted = split.x, model.input_shape[1:]
    ways = [x]
    if split.y is None:
        ways += [x[None]]
    for way in ways:
        channels_last = np.moveaxis(way, -1, 1) if way.ndim > 2 else way
        for found in (way, channels_last, way[:, None]):
            if _fits(found.shape[1:], wanted):
                return replace(split, x=found)
    if x.ndim == 2 and all(wanted) and x.shape[1] == np.prod(wanted):
        return replace(split, x=x.reshape(len(x), *wanted))
    open_sizes = ", ".join(str(size) if size else "any" for size in wanted)
    raise UltralifError(
        f"{model.name}: takes samples of shape ({open_sizes}), the data have {x.shape[1:]}; resize "
        "the images, or export the backbone for their size"
    )


def _fits(shape: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    """Whether a shape is the wanted one, whose open sizes are 0."""
    pairs = zip(shape, wanted, strict=False)
    return len(shape) == len(wanted) and all(size in (want, 0) or not want for size, want in pairs)


def _remembered_floats(name: str, runner: Runner, x: np.ndarray, pixels: str) -> np.ndarray:
    """The same as `_floats`, made once for the same images, backbone and normalization."""
    images = hashlib.sha256(np.ascontiguousarray(x).data).hexdigest()
    key = "/".join((runner.model.sha256, pixels, str(x.dtype), str(x.shape), images))
    found = _remembered.pop(key, None)
    _remembered[key] = _floats(name, runner, x, pixels) if found is None else found
    for oldest in list(_remembered)[:-MOST_REMEMBERED]:
        del _remembered[oldest]
    return _remembered[key]


def _floats(name: str, runner: Runner, x: np.ndarray, pixels: str) -> np.ndarray:
    """Features float32 [sample, feature] of images, a block at a time."""
    mean, deviation = normalization(pixels)
    channels = x.shape[1]
    if len(mean) not in (1, channels):
        raise UltralifError(
            f"{name}: normalization {pixels} is for {len(mean)} channels, and the images have "
            f"{channels}"
        )
    if x.dtype.kind in "iu" and x.dtype != np.uint8:
        raise UltralifError(f"{name}: values up to {x.max()}; expected images of 0 to 255")
    size = 4 * len(x) * runner.features
    check_memory(f"{name}: features of {len(x):,} samples", size, "give fewer samples")
    across = (-1, *(1,) * (x.ndim - 2))
    brightest = 255 if x.dtype == np.uint8 else 1
    made = np.empty((len(x), runner.features), np.float32)
    for i in each_sample("run the backbone", range(0, len(x), runner.batch)):
        block = x[i : i + runner.batch].astype(np.float64) / brightest
        block = (block - mean.reshape(across)) / deviation.reshape(across)
        made[i : i + runner.batch] = runner.run(block.astype(np.float32))
    return made


def _reading(name: str, features: np.ndarray) -> str:
    """The reading that holds all features, and 0 exactly where none is negative."""
    low, high = min(0.0, float(features.min())), float(features.max())
    if not high > low:
        raise UltralifError(f"{name}: every feature is {high:g}; expected features that differ")
    deviation = 1 / (high - low)
    mean = -low * deviation if low else 0.0
    return f"{mean!r},{deviation!r}"


def _stored(features: np.ndarray, reading: str) -> np.ndarray:
    scale, offset = scale_and_offset(reading)
    stored = np.empty(features.shape, np.uint8)
    for i in range(0, len(features), BLOCK):
        levels = np.rint((features[i : i + BLOCK].astype(np.float64) - offset) / scale)
        stored[i : i + BLOCK] = np.clip(levels, 0, LEVELS)
    return stored


def _figures(runner: Runner, made: np.ndarray, stored: np.ndarray, reading: str) -> Backbone:
    scale, offset = scale_and_offset(reading)
    low, high = offset - scale / 2, offset + scale * LEVELS + scale / 2
    within = (made >= low) & (made <= high)
    error = np.abs(made - (scale * stored + offset))
    return {
        "name": runner.model.name,
        "sha256": runner.model.sha256,
        "parameters": runner.model.parameters,
        "multiply_accumulates": runner.multiply_accumulates,
        "features": runner.features,
        "smallest": offset,
        "largest": offset + scale * LEVELS,
        "rounding": float(error[within].max(initial=0.0)),
        "clipped": int(np.count_nonzero(~within)),
    }
