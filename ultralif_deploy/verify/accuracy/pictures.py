"""Samples as small pictures of grey levels, for the report."""

import numpy as np

from ultralif_deploy.data.encoders import Encoder

SIDE = 32
"""Most rows and columns of a picture; larger samples are averaged over blocks."""

LEVELS = "0123456789abcdef"
"""Grey levels as they are written, from none to the darkest."""


def picture_of(sample: np.ndarray, encoder: Encoder) -> list[str] | None:
    """The rows of one sample, each a text with one of `LEVELS` for every column.

    Images are averaged over their channels, and full scale is the darkest. Events are summed over
    time and polarities, and the largest sum is the darkest; where a sample has no two axes of a
    place, time runs to the right.

    Args:
        sample: one entry of the data's samples.
        encoder: encoder that reads it.

    Returns:
        The rows; None for samples without the axes of a picture.
    """
    values = np.asarray(sample, dtype=np.float64)
    if encoder.kind == "events":
        plane = _plane_of_events(values, encoder)
        largest = plane.max(initial=0.0)
    else:
        if values.ndim not in (2, 3):
            return None
        channels = -1 if encoder.channels_last else 0
        plane = values if values.ndim == 2 else values.mean(axis=channels)
        largest = 255.0 if sample.dtype == np.uint8 else 1.0
    if plane.size == 0:
        return None
    shares = _averaged(plane) / (largest or 1.0)
    levels = np.rint((len(LEVELS) - 1) * np.clip(shares, 0.0, 1.0)).astype(int)
    return ["".join(LEVELS[level] for level in row) for row in levels]


def _plane_of_events(values: np.ndarray, encoder: Encoder) -> np.ndarray:
    """Events summed to two axes."""
    frames = values[None] if encoder.one_frame else values
    if frames.ndim == 2:
        return frames.T
    if frames.ndim == 3:
        return np.asarray(frames.sum(axis=0))
    if encoder.channels_last:
        frames = np.moveaxis(frames, -1, 1)
    return np.asarray(frames.sum(axis=tuple(range(frames.ndim - 2))))


def _averaged(plane: np.ndarray) -> np.ndarray:
    """Means over blocks, so that at most `SIDE` rows and columns are left."""
    for axis in (0, 1):
        length = plane.shape[axis]
        edges = np.arange(0, length, -(-length // SIDE))
        sizes = np.diff(np.append(edges, length))
        shape = (-1, 1) if axis == 0 else (1, -1)
        plane = np.add.reduceat(plane, edges, axis=axis) / sizes.reshape(shape)
    return plane
