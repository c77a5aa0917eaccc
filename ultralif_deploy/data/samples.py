"""Checks of samples: what they look like, and what is likely to be a mistake."""

from dataclasses import replace

import numpy as np

from ultralif_deploy.data import Dataset, Split
from ultralif_deploy.data.encoders import MOST_EVENTS, Encoder, fitting_encodings, whole_counts
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.findings.assumptions import AMBIGUOUS
from ultralif_deploy.findings.findings import Finding

DARK_MAXIMUM = 25
"""Byte images without a pixel above this, a tenth of 255, probably have another scale."""

CHANNELS = 3
"""Most channels of images."""

SOME_SAMPLES = 10
"""So many test samples of one class are hardly chance."""

BLOCK_VALUES = 1 << 24
"""Number of pixels that are checked at once."""

ROUNDING_TOLERANCE = 1e-6
"""A larger distance of a float pixel from a multiple of 1/255 gives a warning."""


def check_pixels(dataset: Dataset) -> tuple[Finding, ...]:
    """Refuse samples that are no images, and return a warning of those that look wrong.

    Raises:
        UltralifError: values above 255, or byte images that hold 0 and 1 alone.
    """
    x, what = dataset.test.x, f"{dataset.name}: x_test"
    if dataset.features is not None:  # their range is that of their own data
        return ()
    if x.dtype.kind in "iu" and x.dtype != np.uint8:
        raise UltralifError(
            f"{what}: values up to {x.max()}, as counts of events have, and images do not; give "
            "--encoding events, or images of 0 to 255"
        )
    if x.dtype != np.uint8:
        return ()
    brightest = int(x.max())
    if brightest == 1:
        raise UltralifError(
            f"{what}: uint8 images of 0 and 1 alone, but the brightest value is 255; store them as "
            "bool or float"
        )
    if brightest > DARK_MAXIMUM:
        return ()
    return (
        Finding(
            "dark-images",
            f"{what}: the brightest pixel is {brightest} of 255, so the images are nearly black",
            "store them as float in [0, 1], or scale them to 0 to 255",
        ),
    )


def single_class(dataset: Dataset) -> tuple[Finding, ...]:
    """A warning if many test samples are all of one class, as the first ones of sorted files."""
    y = dataset.test.y
    if y is None or len(y) < SOME_SAMPLES or (y != y[0]).any():
        return ()
    return (
        Finding(
            "single-class",
            f"{dataset.name}: all {len(y):,} test samples are of class {y[0]}, so accuracies say "
            "nothing of other classes",
            "mix files that are sorted by class before --limit takes the first samples",
        ),
    )


def saturated_counts(encoder: Encoder, dataset: Dataset) -> tuple[Finding, ...]:
    """A warning if event counts are reduced to 255, with their number."""
    held = encoder.saturated(dataset.test.x)
    if not held:
        return ()
    frames = 1 if encoder.one_frame else dataset.test.x.shape[1] // encoder.timesteps
    values = dataset.test.x.size // frames
    return (
        Finding(
            "saturated-events",
            f"{dataset.name}: {held:,} of {values:,} event counts are above {MOST_EVENTS} and are "
            "reduced to it",
            "use more timesteps, so that fewer frames are added up",
        ),
    )


def rounded_pixels(dataset: Dataset) -> tuple[Finding, ...]:
    """A warning where float images lose by the 8 bits in which they are repeated: how much."""
    x = dataset.test.x
    if x.dtype.kind != "f":
        return ()
    error = max(
        float(np.abs(block * 255 - np.rint(block * 255)).max()) / 255
        for block in np.array_split(x, max(1, x.size // BLOCK_VALUES))
    )
    if error <= ROUNDING_TOLERANCE:
        return ()
    return (
        Finding(
            "rounded-images",
            f"{dataset.name}: float pixels are rounded to 8 bits, with errors up to {error:.2g}",
            "store the images as uint8, as the network will get them",
        ),
    )


def images_or_polarities(dataset: Dataset, kind: str, timesteps: int | None) -> tuple[Finding, ...]:
    """A warning where two channels without an axis of time can be read in two ways.

    Whole numbers of an integer type are counts of events at T = 1; bool and floats of 0 and 1
    alone may be black and white pixels, and any samples are images as well where T is not known.

    Args:
        dataset: samples [sample, 2, …] or [sample, height, width, 2].
        kind: the encoding that was taken.
        timesteps: T, where an option or the network's file tells it.
    """
    x = dataset.test.x
    pixels = x.dtype.kind in "fb" and x.max() <= 1
    if kind == "events" and timesteps == 1 and not pixels:
        return ()
    taken = "event counts at T = 1" if kind == "events" else "images"
    return (
        Finding(
            AMBIGUOUS,
            f"{dataset.name}: samples of shape {x.shape[1:]} can be images of two channels, or "
            f"single frames of events in two polarities; {taken} are assumed",
            _confirming(kind, whole_counts(x)),
        ),
    )


def _confirming(kind: str, counts: bool) -> str:
    """The option that keeps what was taken, and how to have the other reading."""
    if kind == "events":
        return "--encoding events confirms it, --encoding rate or constant reads images"
    others = "--encoding events --timesteps 1 reads events"
    return f"--encoding {kind} confirms it, {others}{'' if counts else ' stored as whole counts'}"


def with_sample_axis(
    dataset: Dataset, inputs: int, encoding: str | None, timesteps: int | None
) -> Dataset:
    """The data set, with an axis of samples before its only sample where that has none.

    Samples with labels have such an axis. Where samples fit the network with it and without, it is
    there, unless event frames are told and only the one sample can be some.

    Args:
        dataset: data set as loaded.
        inputs: number of inputs of the network.
        encoding: encoding that an option or the network's file states; otherwise None.
        timesteps: T, told likewise.
    """
    x = dataset.test.x
    if dataset.train is not None or dataset.test.y is not None or dataset.recorded:
        return dataset
    many = fitting_encodings(x, inputs, timesteps)
    one = fitting_encodings(x[None], inputs, timesteps)
    told = encoding == "events" and "events" in one
    frames = told and ("events" not in many or timesteps not in (None, 1))
    return replace(dataset, test=Split(x[None], None)) if one and (frames or not many) else dataset


def channels_come_last(x: np.ndarray) -> bool:
    """Whether samples are [height, width, channel], or frames of that.

    They are where a square picture comes before an axis of one to three values.
    """
    square = x.ndim in (4, 5) and x.shape[-2] == x.shape[-3]
    return bool(square and x.shape[-1] <= CHANNELS < x.shape[-2])
