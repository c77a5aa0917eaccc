"""Input encoders: images or event frames to integer inputs [time, batch, input].

Every back end, soft or integer, sees the same uint8 values; the soft network reads them as
real = scale · value + offset.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ultralif_deploy.data import Dataset
from ultralif_deploy.errors import UltralifError

NORMALIZATIONS = {
    "none": (0.0, 1.0),
    "mnist": (0.1307, 0.3081),
    "fashion": (0.2860, 0.3530),
}
"""Mean and standard deviation of pixel values in [0, 1], as in the released code."""

ENCODINGS = ("rate", "constant", "events")

MOST_EVENTS = 255
"""Largest event count; larger ones are held at it, and reported."""

BLOCK = 500
"""Samples that share one generator seed; the first N samples are the same for every N."""

_LEVELS = 1 << 16


@dataclass(frozen=True, slots=True)
class Encoder:
    """How samples become integer inputs.

    Attributes:
        kind: rate: Bernoulli spikes with p = gain · clamp((x − mean)/std, 0, 1), the probability
            rounded to 16 bits; constant: the 8-bit image at every timestep, read as
            (x/255 − mean)/std; events: event counts per frame, as they are up to 255.
        timesteps: T. For events, a divisor of the frames in the data; consecutive frames add up.
        gain: factor of the rate encoding.
        normalize: a key of `NORMALIZATIONS`.
        seed: of the Bernoulli spikes (NumPy PCG64).
    """

    kind: str
    timesteps: int
    gain: float = 0.5
    normalize: str = "none"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.kind not in ENCODINGS:
            raise UltralifError(f"encoding {self.kind!r}; expected one of {', '.join(ENCODINGS)}")
        if self.normalize not in NORMALIZATIONS:
            raise UltralifError(
                f"normalization {self.normalize!r}; expected one of {', '.join(NORMALIZATIONS)}"
            )
        if self.timesteps < 1:
            raise UltralifError(f"timesteps = {self.timesteps}; expected at least 1")
        if not 0 < self.gain <= 1:
            raise UltralifError(f"gain = {self.gain}; expected a value above 0 and at most 1")
        if self.seed < 0:
            raise UltralifError(f"seed = {self.seed}; expected a whole number of at least 0")

    @property
    def scale(self) -> float:
        """Factor from integer input to real input."""
        return 1 / (255 * NORMALIZATIONS[self.normalize][1]) if self.kind == "constant" else 1.0

    @property
    def offset(self) -> float:
        """Real input of the integer 0."""
        if self.kind != "constant":
            return 0.0
        mean, std = NORMALIZATIONS[self.normalize]
        return -mean / std

    def as_dict(self) -> dict[str, Any]:
        """Plain values, in the order of the attributes."""
        return asdict(self)

    def largest(self, x: np.ndarray) -> int:
        """Largest input value to provide for: 1 for spikes, else 255."""
        if self.kind == "events":
            blocks = (self._frames(x[i : i + BLOCK]) for i in range(0, len(x), BLOCK))
            return 1 if max(int(block.max()) for block in blocks) <= 1 else 255
        return 1 if self.kind == "rate" else 255

    def saturated(self, x: np.ndarray) -> int:
        """How many event counts are above 255, and so held at it."""
        frames = x.shape[1] // self.timesteps
        total = 0
        for i in range(0, len(x), BLOCK):
            block = x[i : i + BLOCK]
            flat = block.reshape(len(block), self.timesteps, frames, -1)
            total += int(np.count_nonzero(flat.sum(axis=2, dtype=np.float64) > MOST_EVENTS))
        return total

    def encode(self, x: np.ndarray, stream: tuple[int, ...] = (0,)) -> np.ndarray:
        """Encode samples [sample, …] as uint8 [time, sample, input].

        Args:
            x: images uint8, bool or float in [0, 1], or event frames [sample, frame, …].
            stream: chooses the Bernoulli spikes beside the seed.

        Raises:
            UltralifError: float images outside [0, 1]; frames that `timesteps` does not divide;
                event counts that are no whole numbers.
        """
        if self.kind == "events":
            return np.ascontiguousarray(np.swapaxes(self._frames(x), 0, 1))
        flat = x.reshape(len(x), -1)
        if flat.dtype == bool:
            flat = flat * np.uint8(255)
        if self.kind == "constant":
            pixels = flat if flat.dtype == np.uint8 else _to_uint8(flat)
            return np.broadcast_to(pixels, (self.timesteps, *pixels.shape))
        thresholds = self._thresholds(flat)[:, None, :]
        shape = (len(flat), self.timesteps, flat.shape[1])
        rng = np.random.default_rng([self.seed, *stream])
        draws = np.frombuffer(rng.bytes(2 * int(np.prod(shape))), dtype="<u2").reshape(shape)
        return np.ascontiguousarray((draws < thresholds).view(np.uint8).swapaxes(0, 1))

    def blocks(self, x: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
        """Encode all samples, `BLOCK` at a time; sample i is the same however many there are."""
        for start in range(0, len(x), BLOCK):
            where = slice(start, min(start + BLOCK, len(x)))
            yield where, self.encode(x[where], (0, start // BLOCK))

    def real(self, values: np.ndarray) -> np.ndarray:
        """Real inputs float64 of integer inputs."""
        return self.scale * values.astype(np.float64) + self.offset

    def _thresholds(self, flat: np.ndarray) -> np.ndarray:
        """Spike probability in units of 2^-16, uint32 of the samples' shape."""
        mean, std = NORMALIZATIONS[self.normalize]
        levels = np.arange(256) / 255.0 if flat.dtype == np.uint8 else _unit_range(flat)
        probability = self.gain * np.clip((levels - mean) / std, 0.0, 1.0)
        thresholds = np.rint(probability * _LEVELS).astype(np.uint32)
        return thresholds[flat] if flat.dtype == np.uint8 else thresholds

    def _frames(self, x: np.ndarray) -> np.ndarray:
        """Event counts uint8 [sample, time, input], frames added up to `timesteps`."""
        if x.ndim < 3:
            raise UltralifError(
                f"event data has shape {x.shape}; expected [sample, time, channel …]"
            )
        frames = x.shape[1]
        if frames % self.timesteps:
            raise UltralifError(
                f"timesteps = {self.timesteps} does not divide the {frames} frames of the data; "
                f"choose a divisor of {frames}"
            )
        if x.dtype == bool:
            x = x.view(np.uint8)
        if x.dtype.kind == "f" and (np.any(x != np.rint(x)) or x.min(initial=0) < 0):
            raise UltralifError("event data must be whole counts of at least 0")
        flat = x.reshape(len(x), self.timesteps, frames // self.timesteps, -1)
        counts = flat.sum(axis=2, dtype=np.uint64)
        return np.minimum(counts, MOST_EVENTS).astype(np.uint8)


def fitting_encodings(x: np.ndarray, inputs: int) -> tuple[str, ...]:
    """Encodings that the samples' shape allows, the likelier first: `events`, `rate`, both, none.

    Images have one value per input; event data has one per input and frame. A single frame of
    events has the shape of an image. It is taken for events where it has an axis of frames beside
    those of a picture, [sample, 1, polarity, height, width], an axis of two polarities,
    [sample, 1, 2, …], or no picture's axes at all, [sample, 1, channel].
    """
    images = int(np.prod(x.shape[1:])) == inputs
    events = x.ndim >= 3 and int(np.prod(x.shape[2:])) == inputs
    if images and events:
        polarities = x.ndim == 4 and x.shape[2] == 2
        framed = x.ndim in (3, 5) or polarities
        return ("events", "rate") if framed else ("rate", "events")
    return ("rate",) if images else ("events",) if events else ()


def largest_input(encoder: Encoder, dataset: Dataset | None) -> int:
    """Largest input value to provide for: that of the data, or else of the encoding."""
    if dataset is None:
        return 1 if encoder.kind == "rate" else 255
    splits = (split for split in (dataset.train, dataset.test) if split is not None)
    return max(encoder.largest(split.x) for split in splits)


def _unit_range(flat: np.ndarray) -> np.ndarray:
    if flat.size and (flat.min() < 0 or flat.max() > 1):
        raise UltralifError(
            f"float images run from {flat.min():g} to {flat.max():g}; expected [0, 1] "
            "(store bytes as uint8)"
        )
    return flat


def _to_uint8(flat: np.ndarray) -> np.ndarray:
    return np.rint(_unit_range(flat) * 255).astype(np.uint8)
