"""Binning: how the events of a recording are counted in frames."""

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.io.memory import check_memory
from ultralif_deploy.io.progress import each_sample

POLARITIES = ("both", "merged", "on", "off")
MOST_FRAMES = 100_000
LARGEST_SIDE = 65_536

_SENSOR = re.compile(r"(\d{1,5})(?:[x×](\d{1,5}))?")


@dataclass(frozen=True, slots=True)
class Binning:
    """How recordings of events become frames; None is not told.

    Attributes:
        timesteps: number of frames. Without `bin_ms`, the time from a recording's first event to
            its last is cut into that many equal parts, as tonic's ToFrame(n_time_bins) does.
            With `bin_ms`, recordings are cut off after so many frames, or filled with empty ones.
        bin_ms: milliseconds of a frame. Without `timesteps`, the longest recording counts.
        sensor: width and height, `34x34`, or the number of channels, `700`.
        polarity: both: a channel for each, off first; merged: one channel; on, off: that alone.
        most: largest number of recordings of each split that are read; `chosen` says which.
    """

    timesteps: int | None = None
    bin_ms: float | None = None
    sensor: str | None = None
    polarity: str | None = None
    most: int | None = None

    def __post_init__(self) -> None:
        if self.bin_ms is not None and not (math.isfinite(self.bin_ms) and self.bin_ms >= 1e-3):
            raise UltralifError(f"--bin {self.bin_ms}; expected milliseconds, at least 0.001")
        if self.most is not None and self.most < 1:
            raise UltralifError(f"limit = {self.most}; expected at least 1")
        if self.sensor is not None:
            sensor_size(self.sensor)
        if self.polarity is not None and self.polarity not in POLARITIES:
            raise UltralifError(
                f"polarity {self.polarity!r}; expected one of {', '.join(POLARITIES)}"
            )


@dataclass(frozen=True, slots=True)
class Events:
    """The events of one recording, in order of time.

    Attributes:
        t: int64 [event], microseconds.
        x: int64 [event].
        y: int64 [event]; None where the sensor is a row of channels.
        p: int64 [event], 0 is off and 1 is on; None where there are no polarities.
        label: class of the recording, or None.
    """

    t: np.ndarray
    x: np.ndarray
    y: np.ndarray | None = None
    p: np.ndarray | None = None
    label: int | None = None


@dataclass(frozen=True, slots=True)
class Recordings:
    """Recordings that are read one at a time.

    Attributes:
        name: name of the file or folder, for errors.
        names: names of the recordings, for errors.
        read: the events of a recording, by its number.
        sensor: width and height as the format tells them, or None.
        from_zero: whether time 0 is the start of every recording; else it is its first event.
        polarities: whether events have two polarities; None where the first recording tells it.
    """

    name: str
    names: tuple[str, ...]
    read: Callable[[int], Events]
    sensor: str | None = None
    from_zero: bool = False
    polarities: bool | None = None


def chosen(count: int, most: int | None) -> np.ndarray:
    """Which of `count` samples are read: all, or `most` at random, always the same ones.

    They are drawn because files of recordings are often sorted by class.
    """
    if most is None or most >= count:
        return np.arange(count)
    return np.random.default_rng(0).permutation(count)[:most]


def some(part: Recordings, most: int | None) -> Recordings:
    """The recordings that are read."""
    numbers = chosen(len(part.names), most).tolist()
    names = tuple(part.names[i] for i in numbers)
    return replace(part, names=names, read=lambda i: part.read(numbers[i]))


def sensor_size(text: str) -> tuple[int, int]:
    """Width and height of a sensor; the height of a row of channels is 1.

    Raises:
        UltralifError: no such size.
    """
    match = _SENSOR.fullmatch(text)
    width, height = (int(match[1]), int(match[2] or 1)) if match else (0, 0)
    if not (0 < width <= LARGEST_SIDE and 0 < height <= LARGEST_SIDE):
        raise UltralifError(f"--sensor {text}; expected width and height, as 34x34, or channels")
    return width, height


def structured_events(where: str, fields: dict[str, np.ndarray]) -> Events:
    """Events of arrays by name: t and x, and often y and p.

    Args:
        where: text that names the recording, for errors.
        fields: the arrays. Times are whole microseconds.

    Raises:
        UltralifError: arrays of different lengths, or values that are no events.
    """
    arrays = {name: np.asarray(fields[name]) for name in ("t", "x", "y", "p") if name in fields}
    lengths = {name: array.shape for name, array in arrays.items()}
    if len(set(lengths.values())) > 1 or arrays["t"].ndim != 1:
        raise UltralifError(f"{where}: t, x, y, p have shapes {lengths}; expected one length")
    whole = {name: _whole(f"{where}: {name}", array) for name, array in arrays.items()}
    p = whole.get("p")
    if p is not None and p.size:
        p = np.where(p == -1, 0, p)
        if p.min() < 0 or p.max() > 1:
            raise UltralifError(
                f"{where}: polarities from {p.min()} to {p.max()}; expected 0 and 1, or -1 and 1"
            )
    order = np.argsort(whole["t"], kind="stable")
    y = whole.get("y")
    return Events(
        whole["t"][order],
        whole["x"][order],
        None if y is None else y[order],
        None if p is None else p[order],
    )


def _whole(name: str, values: np.ndarray) -> np.ndarray:
    if values.dtype.kind not in "biuf":
        raise UltralifError(f"{name} holds {values.dtype}; expected numbers")
    if values.dtype.kind == "f" and not np.all(np.isfinite(values) & (np.abs(values) < 2**62)):
        raise UltralifError(f"{name} has values that are NaN, infinite or too large")
    if values.dtype.kind == "u" and values.size and values.max() >= 2**62:
        raise UltralifError(f"{name} has values that are too large for microseconds or places")
    if values.dtype.kind == "f" and name.endswith(" t") and np.any(values != np.floor(values)):
        raise UltralifError(
            f"{name} has fractions; expected whole microseconds, so multiply seconds by 1e6"
        )
    return values.astype(np.int64)


def resolved(given: Binning, parts: list[Recordings]) -> Binning:
    """The binning with everything that the recordings tell: sensor, polarity, number of frames.

    Args:
        given: binning as the user or the network's file states it.
        parts: all splits of the data.

    Raises:
        UltralifError: neither a number of frames nor their length is told, or no sensor.
    """
    name = parts[0].name
    if given.timesteps is None and given.bin_ms is None:
        raise UltralifError(
            f"{name}: recordings of events; give --timesteps T for T frames of each, or --bin MS "
            "for frames of so many milliseconds"
        )
    if given.timesteps is not None and not 1 <= given.timesteps <= MOST_FRAMES:
        raise UltralifError(f"timesteps = {given.timesteps}; expected 1 to {MOST_FRAMES}")
    first = parts[0].read(0)
    sensor = given.sensor or parts[0].sensor
    if sensor is None:
        raise UltralifError(f"{name}: no sensor size in the file; give {_least_sensor(parts)}")
    polarity = _polarity(name, given.polarity, first, parts[0].polarities)
    timesteps = given.timesteps
    if timesteps is None:
        assert given.bin_ms is not None
        timesteps = max(_windows(part, i, given.bin_ms) for part in parts for i in _numbers(part))
        if timesteps > MOST_FRAMES:
            raise UltralifError(
                f"{name}: {timesteps:,} frames of {given.bin_ms:g} ms; at most {MOST_FRAMES:,}, "
                "give a larger --bin, or --timesteps to cut recordings off"
            )
    return replace(given, timesteps=timesteps, sensor=sensor, polarity=polarity)


def _polarity(name: str, given: str | None, first: Events, told: bool | None) -> str:
    """Which polarities are kept: what is given, or what the events have."""
    present = first.p is not None if told is None else told
    if not present and given not in (None, "merged"):
        raise UltralifError(f"{name}: --polarity {given}: these events have no polarity")
    return given or ("both" if present else "merged")


def _numbers(part: Recordings) -> Iterator[int]:
    return each_sample("read recordings", range(len(part.names)))


def _least_sensor(parts: list[Recordings]) -> str:
    """The option with the smallest sensor on which all events lie."""
    width = height = 0
    for part in parts:
        for i in _numbers(part):
            events = part.read(i)
            width = max(width, int(events.x.max(initial=0)) + 1)
            if events.y is not None:
                height = max(height, int(events.y.max(initial=0)) + 1)
    size = f"{width}x{height}" if height else str(width)
    return f"--sensor {'WxH' if height else 'N'}, at least {size}"


def _windows(part: Recordings, number: int, bin_ms: float) -> int:
    """How many frames a recording needs for all its events."""
    t = part.read(number).t
    if not len(t):
        return 1
    start = 0 if part.from_zero else int(t[0])
    return max(1, math.floor((int(t[-1]) - start) / (bin_ms * 1000)) + 1)


def binned(part: Recordings, how: Binning) -> tuple[np.ndarray, np.ndarray | None]:
    """Counts of events [recording, frame, …], and the labels int64 [recording] if there are any.

    Counts are uint8, or uint16 where they pass 255. A frame is [polarity, height, width], or
    [channel] where there is one row and one polarity.

    Args:
        part: the recordings.
        how: the binning, as `resolved` returns it.

    Raises:
        UltralifError: events outside the sensor, or more frames than memory is allowed for.
    """
    assert how.timesteps is not None
    assert how.sensor is not None
    width, height = sensor_size(how.sensor)
    channels = 2 if how.polarity == "both" else 1
    row = height == 1 and channels == 1
    frame = (width,) if row else (channels, height, width)
    shape = (len(part.names), how.timesteps, *frame)
    _check_size(part, shape, 1)
    frames, labels = np.zeros(shape, np.uint8), []
    for i in _numbers(part):
        events = part.read(i)
        labels.append(events.label)
        where = f"{part.name}: {part.names[i]}"
        counts = _counts(where, events, how, part.from_zero, (width, height, channels))
        if frames.dtype == np.uint8 and counts.max(initial=0) > 255:
            _check_size(part, shape, 3)  # both are held while one is copied
            frames = frames.astype(np.uint16)
        frames[i] = np.minimum(counts, np.iinfo(frames.dtype).max).reshape(shape[1:])
    if None in labels and set(labels) != {None}:
        missing = part.names[labels.index(None)]
        raise UltralifError(f"{part.name}: {missing} has no label; expected one for all or none")
    return frames, None if None in labels else np.array(labels, np.int64)


def _check_size(part: Recordings, shape: tuple[int, ...], width_bytes: int) -> None:
    # All frames, and the counts of one recording as int64 beside them.
    size = math.prod(shape) * width_bytes + 8 * math.prod(shape[1:])
    what = f"{part.name}: {shape[0]:,} recordings as frames {list(shape[1:])}"
    check_memory(what, size, "use fewer --timesteps, a larger --bin, or fewer recordings")


def _counts(
    name: str, events: Events, how: Binning, from_zero: bool, size: tuple[int, int, int]
) -> np.ndarray:
    """Counts of one recording, int64 [frame · polarity · height · width].

    Args:
        name: name of the recording, for errors.
        events: events of the recording.
        how: the binning, as `resolved` returns it.
        from_zero: whether the first frame begins at time 0.
        size: width, height and number of polarities.
    """
    assert how.timesteps is not None
    width, height, channels = size
    y = np.zeros_like(events.x) if events.y is None else events.y
    _check_places(name, events.x, y, size)
    p = np.zeros_like(events.x) if events.p is None else events.p
    where, inside = _frame_numbers(events.t, how, from_zero)
    if how.polarity in ("on", "off"):
        inside &= p == (how.polarity == "on")
    channel = p if channels == 2 else np.zeros_like(p)
    places = ((where * channels + channel) * height + y) * width + events.x
    total = how.timesteps * channels * height * width
    return np.bincount(places[inside], minlength=total)


def _frame_numbers(t: np.ndarray, how: Binning, from_zero: bool) -> tuple[np.ndarray, np.ndarray]:
    """Frame of every event, and whether there is one.

    Args:
        t: int64 [event], in order.
        how: the binning, as `resolved` returns it.
        from_zero: whether the first frame begins at time 0.
    """
    assert how.timesteps is not None
    if not len(t):
        return t, np.zeros(0, bool)
    if how.bin_ms is not None:
        where = np.floor((t - (0 if from_zero else t[0])) / (how.bin_ms * 1000)).astype(np.int64)
    else:
        where = (t - t[0]) // max(1, int(t[-1] - t[0]) // how.timesteps)
    return where, (where >= 0) & (where < how.timesteps)


def _check_places(where: str, x: np.ndarray, y: np.ndarray, size: tuple[int, int, int]) -> None:
    width, height, _ = size
    outside = (x < 0) | (x >= width) | (y < 0) | (y >= height)
    if outside.any():
        first = int(np.argmax(outside))
        raise UltralifError(
            f"{where}: an event at x = {x[first]}, y = {y[first]}; the sensor is {width}x{height}, "
            "give a larger --sensor WxH"
        )
