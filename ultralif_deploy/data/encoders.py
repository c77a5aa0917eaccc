"""Input encoders: images or event frames to integer inputs [time, batch, input].

Every back end, soft or integer, sees the same uint8 values; the soft network reads them as
real = scale · value + offset.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np

from ultralif_deploy.data import Dataset
from ultralif_deploy.data.normalization import normalization, per_value
from ultralif_deploy.errors import UltralifError

ENCODINGS = ("rate", "constant", "events")

MOST_EVENTS = 255
"""Largest event count; larger counts are reduced to it, with a warning."""

DRAWN_AT_ONCE = 64
"""Samples whose spikes are drawn at once; an even number, so that they take whole 32-bit words."""

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
        normalize: a key of `normalization.NORMALIZATIONS`, or numbers.
        seed: seed of the Bernoulli spikes (NumPy PCG64).
        channels_last: samples are [height, width, channel], or frames of that; the inputs are
            numbered channel first, as torch and NIR do.
        one_frame: samples are one frame of events each, without an axis of time.
        bin: milliseconds of the frames in which recordings of events were counted; None where
            their number alone says it, or where there were no recordings.
        sensor: width and height of the sensor that recorded them.
        polarity: polarities of the events that are kept, one of `binning.POLARITIES`.
        frames: number of frames that each timestep adds up, where it is more than one.
        backbone: SHA-256 of the backbone whose features the samples are.
        pixels: normalization of the pixels that the backbone takes.
    """

    kind: str
    timesteps: int
    gain: float = 0.5
    normalize: str = "none"
    seed: int = 0
    channels_last: bool = False
    one_frame: bool = False
    bin: float | None = None
    sensor: str | None = None
    polarity: str | None = None
    frames: int | None = None
    backbone: str | None = None
    pixels: str | None = None

    def __post_init__(self) -> None:
        if self.kind not in ENCODINGS:
            raise UltralifError(f"encoding {self.kind!r}; expected one of {', '.join(ENCODINGS)}")
        normalization(self.normalize)
        if self.timesteps < 1:
            raise UltralifError(f"timesteps = {self.timesteps}; expected at least 1")
        if not 0 < self.gain <= 1:
            raise UltralifError(f"gain = {self.gain}; expected a value above 0 and at most 1")
        if self.seed < 0:
            raise UltralifError(f"seed = {self.seed}; expected a whole number of at least 0")

    def reading(self, inputs: int) -> tuple[float | np.ndarray, float | np.ndarray]:
        """Scale and offset of the integer inputs: real = scale · value + offset.

        Each is one number, or float64 [input] where channels are normalized on their own.

        Raises:
            UltralifError: so many inputs have no such channels.
        """
        if self.kind != "constant":
            return 1.0, 0.0
        mean, std = normalization(self.normalize)
        scale = per_value(1 / (255 * std), inputs, self.normalize)
        return scale, per_value(-mean / std, inputs, self.normalize)

    def as_dict(self) -> dict[str, str | int | float | bool]:
        """Plain values, in the order of the attributes; of those that may be so, what is so."""
        values = asdict(self).items()
        return {name: value for name, value in values if value is not False and value is not None}

    def largest(self, x: np.ndarray) -> int:
        """Largest input value to provide for: 1 for spikes, else 255."""
        if self.kind == "events":
            blocks = (self._frames(x[i : i + BLOCK]) for i in range(0, len(x), BLOCK))
            return 1 if max(int(block.max()) for block in blocks) <= 1 else 255
        return 1 if self.kind == "rate" else 255

    def saturated(self, x: np.ndarray) -> int:
        """Number of event counts above 255, which are reduced to it."""
        total = 0
        for i in range(0, len(x), BLOCK):
            sums = self._grouped(x[i : i + BLOCK]).sum(axis=2, dtype=np.float64)
            total += int(np.count_nonzero(sums > MOST_EVENTS))
        return total

    def encode(self, x: np.ndarray, stream: tuple[int, ...] = (0,)) -> np.ndarray:
        """Encode samples [sample, …] as uint8 [time, sample, input].

        Args:
            x: images uint8, bool or float in [0, 1], or event frames [sample, frame, …]; with
                `one_frame`, [sample, …].
            stream: chooses the Bernoulli spikes beside the seed.

        Raises:
            UltralifError: float images outside [0, 1]; frames that `timesteps` does not divide;
                event counts that are no whole numbers.
        """
        if self.kind == "events":
            return np.ascontiguousarray(np.swapaxes(self._frames(x), 0, 1))
        flat = self._channels_first(x, 1).reshape(len(x), -1)
        if flat.dtype == bool:
            flat = flat * np.uint8(255)
        if self.kind == "constant":
            pixels = flat if flat.dtype == np.uint8 else _to_uint8(flat)
            return np.broadcast_to(pixels, (self.timesteps, *pixels.shape))
        rng = np.random.default_rng([self.seed, *stream])
        spikes = np.empty((self.timesteps, len(flat), flat.shape[1]), dtype=np.uint8)
        for start in range(0, len(flat), DRAWN_AT_ONCE):
            some = flat[start : start + DRAWN_AT_ONCE]
            shape = (len(some), self.timesteps, flat.shape[1])
            draws = np.frombuffer(rng.bytes(2 * int(np.prod(shape))), dtype="<u2").reshape(shape)
            fired = draws < self._thresholds(some)[:, None, :]
            spikes[:, start : start + len(some)] = fired.swapaxes(0, 1)
        return spikes

    def blocks(self, x: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
        """Encode all samples, `BLOCK` at a time; sample i is the same however many there are."""
        for start in range(0, len(x), BLOCK):
            where = slice(start, min(start + BLOCK, len(x)))
            yield where, self.encode_block(x[where], where)

    def encode_block(self, x: np.ndarray, where: slice) -> np.ndarray:
        """Encode the samples of one block, as `blocks` does.

        Args:
            x: samples of the block.
            where: its place in the data set; it begins at a multiple of `BLOCK`.
        """
        return self.encode(x, (0, where.start // BLOCK))

    def real(self, values: np.ndarray) -> np.ndarray:
        """Real inputs float64 of integer inputs."""
        scale, offset = self.reading(values.shape[-1])
        return scale * values.astype(np.float64) + offset

    def _grouped(self, x: np.ndarray) -> np.ndarray:
        """Event data [sample, time, frame, …]: the frames of each timestep side by side."""
        if self.one_frame and self.timesteps != 1:
            raise UltralifError(
                f"timesteps = {self.timesteps} for samples that are one frame of events each; "
                "expected 1"
            )
        if self.one_frame:
            x = x[:, None]
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
        return x.reshape(len(x), self.timesteps, frames // self.timesteps, *x.shape[2:])

    def _channels_first(self, x: np.ndarray, axis: int) -> np.ndarray:
        """Samples with their channels at an axis, where they come last."""
        return np.moveaxis(x, -1, axis) if self.channels_last else x

    def _thresholds(self, flat: np.ndarray) -> np.ndarray:
        """Spike probability in units of 2^-16, uint32 of the samples' shape."""
        mean, std = normalization(self.normalize)
        per_value(mean, flat.shape[1], self.normalize)  # refuses samples without such channels
        by_channel = flat.reshape(len(flat), len(mean), -1)
        levels = np.arange(256) / 255.0 if flat.dtype == np.uint8 else _unit_range(by_channel)
        thresholds = np.empty(by_channel.shape, dtype=np.uint32)
        for c, (m, s) in enumerate(zip(mean, std, strict=True)):
            here = levels if flat.dtype == np.uint8 else levels[:, c]
            probability = self.gain * np.clip((here - m) / s, 0.0, 1.0)
            found = np.rint(probability * _LEVELS).astype(np.uint32)
            thresholds[:, c] = found[by_channel[:, c]] if flat.dtype == np.uint8 else found
        return thresholds.reshape(flat.shape)

    def _frames(self, x: np.ndarray) -> np.ndarray:
        """Event counts uint8 [sample, time, input], frames added up to `timesteps`."""
        grouped = self._grouped(x)
        if x.dtype == bool:
            grouped = grouped.view(np.uint8)
        if not whole_counts(x):
            raise UltralifError("event data must be whole counts of at least 0")
        ordered = self._channels_first(grouped, 3)
        flat = ordered.reshape(*ordered.shape[:3], -1)
        counts = flat.sum(axis=2, dtype=np.uint64)
        held: np.ndarray = np.minimum(counts, MOST_EVENTS).astype(np.uint8)
        return held


def fitting_encodings(x: np.ndarray, inputs: int, timesteps: int | None = None) -> tuple[str, ...]:
    """Encodings that the samples allow, the likelier first: `events`, `rate`, both, none.

    Images have one value per input; event data has one per input and frame. A single frame of
    events has the shape of an image. It is taken for events where it has an axis of frames beside
    those of a picture, [sample, 1, polarity, height, width], an axis of two polarities,
    [sample, 1, 2, …], or no picture's axes at all, [sample, 1, channel]; and where it has an axis
    of two polarities and none of frames (`lacks_frames`), if its values are whole counts and T
    may be 1.

    Args:
        x: samples [sample, …].
        inputs: number of inputs of the network.
        timesteps: T, where an option or the network's file tells it.
    """
    if lacks_frames(x, inputs):
        counted = timesteps in (None, 1) and whole_counts(x)
        return ("events", "rate") if counted else ("rate", "events")
    images = int(np.prod(x.shape[1:])) == inputs
    events = x.ndim >= 3 and int(np.prod(x.shape[2:])) == inputs
    if images and events:
        polarities = x.ndim == 4 and x.shape[2] == 2
        framed = x.ndim in (3, 5) or polarities
        return ("events", "rate") if framed else ("rate", "events")
    return ("rate",) if images else ("events",) if events else ()


def lacks_frames(x: np.ndarray, inputs: int) -> bool:
    """Whether samples may be one frame of events each, without an axis of time.

    They have one value per input and an axis of two polarities: [sample, 2, …], or
    [sample, height, width, 2].
    """
    polarities = (x.ndim in (3, 4) and x.shape[1] == 2) or (
        x.ndim == 4 and x.shape[1] > 1 and x.shape[3] == 2
    )
    return polarities and int(np.prod(x.shape[1:])) == inputs


def whole_counts(x: np.ndarray) -> bool:
    """Whether all values are whole numbers of at least 0."""
    if x.dtype.kind != "f":
        return bool(x.min(initial=0) >= 0)
    blocks = (x[i : i + BLOCK] for i in range(0, len(x), BLOCK))
    return all(
        block.min(initial=0) >= 0 and not np.any(block != np.rint(block)) for block in blocks
    )


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
    pixels: np.ndarray = np.rint(_unit_range(flat) * 255).astype(np.uint8)
    return pixels
