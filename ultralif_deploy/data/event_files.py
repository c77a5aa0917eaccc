"""Recordings of events in files: structured arrays, N-MNIST's .bin, DVS-Gesture's .npy, AEDAT4."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ultralif_deploy.data.arrays import read_npy, read_table
from ultralif_deploy.data.binning import Events, structured_events
from ultralif_deploy.errors import Missing, UltralifError
from ultralif_deploy.io.files import readable_file
from ultralif_deploy.io.memory import check_contents
from ultralif_deploy.io.npz import npz_names, read_npz

FIELDS = {
    "t": ("t", "ts", "time", "timestamp"),
    "x": ("x",),
    "y": ("y",),
    "p": ("p", "pol", "polarity", "on"),
}
"""The names that arrays of events have; t is in microseconds."""

N_MNIST_SENSOR = "34x34"
GESTURE_SENSOR = "128x128"
BIN_BYTES = 5
OVERFLOW_ROW, OVERFLOW = 240, 1 << 13
"""An entry with this y says that the clock overflowed: from here on, times are so much later."""


def event_fields(names: tuple[str, ...]) -> dict[str, str] | None:
    """For t, x, y and p, the name that stands for it; None where the names are not all of events.

    Events have t, x and p at least, so that x and y alone stay samples and labels.
    """
    found = {field: name for field, spelled in FIELDS.items() for name in names if name in spelled}
    all_known = len(found) == len(names)
    return found if all_known and {"t", "x", "p"} <= found.keys() else None


def events_of_array(where: str, array: np.ndarray) -> Events:
    """Events of a structured array.

    Args:
        where: text that names the recording, for errors.
        array: array with the fields t and x, and often y and p.

    Raises:
        UltralifError: other fields, or values that are no events.
    """
    names = array.dtype.names or ()
    fields = event_fields(names) or event_fields((*names, "p"))
    if fields is None:
        raise UltralifError(
            f"{where}: fields {', '.join(names) or 'none'}; expected events with t, x, y, p"
        )
    return structured_events(where, {f: array[n] for f, n in fields.items() if n in names})


def read_npy_events(path: Path) -> Events:
    """The events in a structured array of a .npy file."""
    return events_of_array(str(path), read_npy(readable_file(path)))


def read_npz_events(path: Path) -> Events:
    """The events in a .npz file with an array for each of t, x, y and p."""
    names = npz_names(path)
    fields = event_fields(names)
    if fields is None:
        raise UltralifError(
            f"{path}: holds {', '.join(sorted(names)) or 'nothing'}; expected events as t, x, y, p"
        )
    arrays = read_npz(path, names)
    return structured_events(str(path), {field: arrays[name] for field, name in fields.items()})


def read_csv_events(path: Path) -> Events:
    """The events in a table whose columns are t, x, y and p."""
    columns = read_table(readable_file(path))
    fields = event_fields(tuple(columns))
    if fields is None:
        raise UltralifError(f"{path}: columns {', '.join(columns)}; expected t, x, y, p")
    return structured_events(str(path), {field: columns[name] for field, name in fields.items()})


def read_bin_events(path: Path) -> Events:
    """The events in a .bin file of N-MNIST: 5 bytes each, x, y, and polarity with 23 bits of t."""
    readable_file(path)
    size = path.stat().st_size
    check_contents(str(path), 8 * size)
    if size % BIN_BYTES:
        raise UltralifError(
            f"{path}: {size} bytes; expected 5 for every event, as N-MNIST's files have"
        )
    raw = np.fromfile(path, np.uint8).reshape(-1, BIN_BYTES).astype(np.int64)
    x, y, high = raw[:, 0], raw[:, 1], raw[:, 2]
    overflow = y == OVERFLOW_ROW
    t = ((high & 127) << 16) + (raw[:, 3] << 8) + raw[:, 4] + np.cumsum(overflow) * OVERFLOW
    events = {"t": t, "x": x, "y": y, "p": high >> 7}
    return structured_events(str(path), {name: a[~overflow] for name, a in events.items()})


def read_gesture_events(path: Path) -> Events:
    """The events in a .npy file of DVS-Gesture as tonic has it: rows of x, y, p, milliseconds."""
    rows = read_npy(readable_file(path))
    if rows.ndim != 2 or rows.shape[1] != 4 or rows.dtype.kind not in "iuf":
        raise UltralifError(
            f"{path}: {rows.dtype} of shape {rows.shape}; expected rows of x, y, p and "
            "milliseconds, as tonic has DVS-Gesture"
        )
    if not np.isfinite(rows).all():
        raise UltralifError(f"{path}: values that are NaN or infinite")
    t = np.floor(rows[:, 3].astype(np.float64) * 1000)
    columns = {"t": t, "x": rows[:, 0], "y": rows[:, 1], "p": rows[:, 2]}
    return structured_events(str(path), columns)


def read_aedat_events(path: Path) -> Events:
    """The events in the first event stream of an AEDAT4 file.

    Raises:
        Missing: the reader `aedat` is not installed.
        UltralifError: a damaged file, or no events in it.
    """
    packets = []
    with _readable(path):
        decoder = _decoder(path)
        first = min(_event_streams(path, decoder))
        for packet in decoder:
            if packet["stream_id"] == first:
                packets.append(packet["events"])
                check_contents(str(path), sum(events.nbytes for events in packets))
    if not packets:
        raise UltralifError(f"{path}: no events in it; expected some")
    return events_of_array(str(path), np.concatenate(packets))


def sensor_of(path: Path) -> str | None:
    """Width and height of the sensor as the format tells them; None where it does not."""
    if path.suffix.lower() == ".bin":
        return N_MNIST_SENSOR
    if path.suffix.lower() != ".aedat4":
        return None
    with _readable(path):
        streams = _event_streams(path, _decoder(path))
        return "{width}x{height}".format_map(streams[min(streams)])


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Turn what the decoder raises on damaged files, errors of several kinds, into one line."""
    try:
        yield
    except UltralifError:
        raise
    except Exception as error:
        raise UltralifError(f"{path}: not a readable AEDAT4 file ({error})") from error


def _decoder(path: Path) -> Any:
    try:
        import aedat
    except ImportError as error:
        raise Missing("aedat, which reads AEDAT4 files,", "pip install aedat") from error
    return aedat.Decoder(readable_file(path))


def _event_streams(path: Path, decoder: Any) -> dict[int, dict[str, Any]]:
    streams = decoder.id_to_stream()
    found = {n: stream for n, stream in streams.items() if stream["type"] == "events"}
    if not found:
        kinds = ", ".join(sorted(stream["type"] for stream in streams.values())) or "nothing"
        raise UltralifError(f"{path}: it holds {kinds}; expected events")
    return found


EVENT_FILES: dict[str, Callable[[Path], Events]] = {
    ".bin": read_bin_events,
    ".npy": read_npy_events,
    ".npz": read_npz_events,
    ".aedat4": read_aedat_events,
    ".csv": read_csv_events,
}
"""Readers of one recording by suffix."""
