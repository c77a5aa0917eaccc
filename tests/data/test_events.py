"""Recordings of events, from files as tonic and h5py write and read them; frames are tonic's."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from support.foreign.datasets import tonic
from ultralif_deploy.data import Dataset, load_dataset
from ultralif_deploy.data.binning import Binning
from ultralif_deploy.errors import UltralifError

N_MNIST = np.dtype([("x", int), ("y", int), ("t", int), ("p", int)])
GESTURE = np.dtype([("x", np.int16), ("y", np.int16), ("p", bool), ("t", np.int64)])


def events(seed: int, side: int = 34, count: int = 400, last: int = 99_000) -> np.ndarray:
    """A structured array of events as tonic has them."""
    rng = np.random.default_rng(seed)
    found = np.zeros(count, N_MNIST)
    for name, most in (("x", side), ("y", side), ("p", 2)):
        found[name] = rng.integers(0, most, count)
    found["t"] = np.sort(rng.integers(7, last, count))
    return found


def bin_file(path: Path, recorded: np.ndarray) -> None:
    """Write a file of N-MNIST: 5 bytes for each event."""
    t = recorded["t"]
    columns = [recorded["x"], recorded["y"], recorded["p"] << 7 | t >> 16, t >> 8 & 255, t & 255]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(np.stack(columns, axis=1).astype(np.uint8).tobytes())


def refused(source: Any, **how: Any) -> str:
    with pytest.raises(UltralifError) as caught:
        load_dataset(source, Binning(**how))
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def n_mnist(tmp_path: Path) -> Path:
    for part in ("Train", "Test"):
        for label in (0, 3, 9):
            for i in range(2):
                path = tmp_path / "NMNIST" / part / str(label) / f"{i:05}.bin"
                bin_file(path, events(10 * label + i + 100 * (part == "Test")))
    return tmp_path / "NMNIST"


def frames_of_tonic(dataset: Any, **how: Any) -> tuple[np.ndarray, list[int]]:
    to_frame = tonic().transforms.ToFrame(sensor_size=dataset.sensor_size, **how)
    pairs = [dataset[i] for i in range(len(dataset))]
    return np.stack([to_frame(e) for e, _ in pairs]), [int(label) for _, label in pairs]


def same(read: Dataset, expected: tuple[np.ndarray, list[int]]) -> None:
    assert_array_equal(read.test.x, expected[0])
    assert_array_equal(read.test.y, expected[1])
    assert read.test.x.dtype == np.uint8
    assert read.test.x.any()


@pytest.mark.parametrize("timesteps", [1, 7, 20])
def test_n_mnist_is_read_as_tonic_reads_it(
    n_mnist: Path, timesteps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = tonic().datasets.NMNIST
    monkeypatch.setattr(kind, "_check_exists", lambda _: True)  # it counts 10000 files
    read = load_dataset(n_mnist, Binning(timesteps))
    for train, split in ((True, read.train), (False, read.test)):
        theirs = kind(str(n_mnist.parent), train=train)
        assert split is not None
        same(Dataset("", None, split), frames_of_tonic(theirs, n_time_bins=timesteps))
    assert read.binning == Binning(timesteps, None, "34x34", "both")
    from_object = load_dataset(theirs, Binning(timesteps))
    assert_array_equal(from_object.test.x, read.test.x, strict=True)
    assert_array_equal(from_object.test.y, read.test.y, strict=True)
    assert from_object.binning == read.binning


def test_the_clock_of_n_mnist_overflows_as_in_tonic(tmp_path: Path) -> None:
    recorded = events(1)
    recorded["y"][[50, 51, 300]] = 240
    bin_file(tmp_path / "a.bin", recorded)
    theirs = tonic().io.read_mnist_file(str(tmp_path / "a.bin"), N_MNIST)
    expected = tonic().transforms.ToFrame((34, 34, 2), n_time_bins=9)(theirs)
    assert_array_equal(load_dataset(tmp_path / "a.bin", Binning(9)).test.x, expected[None])


@pytest.mark.parametrize("milliseconds", [3.0, 10.0, 250.0])
def test_frames_of_so_many_milliseconds(tmp_path: Path, milliseconds: float) -> None:
    recorded = events(2)
    np.save(tmp_path / "a.npy", recorded)
    window = milliseconds * 1000
    frames = tonic().transforms.ToFrame((34, 34, 2), time_window=window, include_incomplete=True)(
        recorded
    )
    read = load_dataset(tmp_path / "a.npy", Binning(None, milliseconds, "34x34"))
    assert_array_equal(read.test.x, frames[None])
    cut = load_dataset(tmp_path / "a.npy", Binning(2, milliseconds, "34x34")).test.x[0]
    assert_array_equal(cut[: len(frames)], frames[:2])
    assert cut.shape == (2, 2, 34, 34)
    assert not cut[len(frames) :].any()


def test_gestures_are_read_as_tonic_reads_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for user, label in (("user01_fluorescent", 0), ("user01_fluorescent", 10), ("user02_led", 4)):
        recorded = events(label, side=128, last=80_000)
        recorded["t"] //= 1000  # tonic keeps milliseconds
        columns = np.stack([recorded[name] for name in ("x", "y", "p", "t")], axis=1)
        path = tmp_path / "DVSGesture" / "ibmGestureTest" / user / f"{label}.npy"
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, columns.astype(np.float64))
    read = load_dataset(tmp_path / "DVSGesture", Binning(6))
    assert read.binning.sensor == "128x128"
    assert sorted(np.asarray(read.test.y).tolist()) == [0, 4, 10]
    monkeypatch.setattr(tonic().datasets.DVSGesture, "_check_exists", lambda _: True)
    theirs = tonic().datasets.DVSGesture(str(tmp_path), train=False)
    frames, labels = frames_of_tonic(theirs, n_time_bins=6)
    order = [labels.index(label) for label in np.asarray(read.test.y)]
    assert_array_equal(read.test.x, frames[order])


def shd(path: Path, seed: int, samples: int = 5, **stored: Any) -> Path:
    """A file as SHD's authors wrote it with PyTables, here by h5py: lists of any length."""
    rng = np.random.default_rng(seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        lists = {
            "spikes/times": h5py.vlen_dtype(np.float16),
            "spikes/units": h5py.vlen_dtype(np.uint16),
        }
        for name, dtype in lists.items():
            file.create_dataset(name, (samples,), dtype, **stored)
        for i in range(samples):
            count = int(rng.integers(50, 300))
            file["spikes/times"][i] = np.sort(rng.uniform(0.01, 1, count)).astype(np.float16)
            file["spikes/units"][i] = rng.integers(0, 700, count).astype(np.uint16)
        file["labels"] = rng.integers(0, 20, samples).astype(np.uint16)
        file["extra/keys"] = np.array([b"null", b"eins"])
        file["extra/speaker"] = np.zeros(samples, np.uint16)
    return path


def test_shd_is_read_as_tonic_reads_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kind = tonic().datasets.SHD
    monkeypatch.setattr(kind, "_check_exists", lambda _: True)
    for seed, part in enumerate(("train", "test")):
        shd(tmp_path / "SHD" / f"shd_{part}.h5", seed)
    read = load_dataset(tmp_path / "SHD" / "shd_test.h5", Binning(11))
    for train, split in ((True, read.train), (False, read.test)):
        frames, labels = frames_of_tonic(kind(str(tmp_path), train=train), n_time_bins=11)
        assert split is not None
        assert_array_equal(split.x, frames[:, :, 0])
        assert_array_equal(split.y, labels)
    assert read.binning == Binning(11, None, "700", "merged")
    from_object = load_dataset(kind(str(tmp_path), train=False), Binning(11))
    assert_array_equal(from_object.test.x, read.test.x, strict=True)


@pytest.mark.parametrize(
    "stored",
    [
        {"chunks": (2,)},
        {"maxshape": (None,)},
        {"chunks": (3,), "compression": "gzip"},
        {"chunks": (3,), "compression": "gzip", "shuffle": True},
    ],
)
def test_lists_are_the_same_however_they_are_stored(tmp_path: Path, stored: Any) -> None:
    expected = load_dataset(shd(tmp_path / "a.h5", 5), Binning(7)).test
    read = load_dataset(shd(tmp_path / "b.h5", 5, **stored), Binning(7)).test
    assert_array_equal(read.x, expected.x, strict=True)
    assert_array_equal(read.y, expected.y, strict=True)


def test_lists_longer_than_what_is_stored(tmp_path: Path) -> None:
    path = shd(tmp_path / "shd.h5", 0)
    with h5py.File(path) as file:
        start = file["spikes/times"].id.get_offset()
    data = bytearray(path.read_bytes())
    data[start + 16 : start + 20] = (10**9).to_bytes(4, "little")
    path.write_bytes(data)
    assert "list 1 declares 1000000000 numbers, more than are stored" in refused(path, timesteps=2)


def test_frames_of_shd_begin_at_time_0(tmp_path: Path) -> None:
    path = shd(tmp_path / "shd_test.h5", 3)
    read = load_dataset(path, Binning(None, 14.0))
    with h5py.File(path) as file:
        for i, frames in enumerate(read.test.x):
            times, units = file["spikes/times"][i], file["spikes/units"][i]
            expected = np.zeros(frames.shape, int)
            np.add.at(expected, ((times.astype(float) * 1e6).astype(int) // 14000, units), 1)
            assert_array_equal(frames, expected)
    assert read.train is None
    assert load_dataset(path, Binning(100, 14.0)).test.x.shape == (5, 100, 700)


def save_arrays(path: Path, recorded: np.ndarray) -> Path:
    np.savez(path, **{name: recorded[name] for name in "txyp"})
    return path


def save_structured(path: Path, recorded: np.ndarray) -> Path:
    np.save(path, recorded)
    return path


def save_table(path: Path, recorded: np.ndarray) -> Path:
    columns = np.stack([recorded[name] for name in "txyp"], axis=1)
    np.savetxt(path, columns, "%d", ",", header="timestamp,x,y,polarity", comments="")
    return path


@pytest.mark.parametrize(
    ("suffix", "save"),
    [(".npz", save_arrays), (".npy", save_structured), (".csv", save_table)],
)
def test_kinds_of_files(tmp_path: Path, suffix: str, save: Callable[..., Path]) -> None:
    how = Binning(5, None, "34x34")
    expected = load_dataset(save_structured(tmp_path / "e.npy", events(4)), how).test.x
    one = load_dataset(save(tmp_path / f"one{suffix}", events(4)), how)
    assert_array_equal(one.test.x, expected, strict=True)
    assert one.test.y is None
    for name in ("b", "a"):
        (tmp_path / "classes" / name).mkdir(parents=True)
        save(tmp_path / "classes" / name / f"0{suffix}", events(4 + (name == "b")))
    folder = load_dataset(tmp_path / "classes", how).test
    assert_array_equal(folder.y, [0, 1])
    assert_array_equal(folder.x[:1], expected)


@pytest.mark.parametrize("polarity", ["both", "merged", "on", "off"])
def test_polarities(tmp_path: Path, polarity: str) -> None:
    recorded = events(6)
    path = save_structured(tmp_path / "a.npy", recorded)
    both = load_dataset(path, Binning(5, None, "34x34")).test.x
    expected = {
        "both": both,
        "merged": both.sum(2, keepdims=True),
        "on": both[:, :, 1:],
        "off": both[:, :, :1],
    }
    how = Binning(5, None, "34x34", polarity)
    assert_array_equal(load_dataset(path, how).test.x, expected[polarity])
    recorded["p"] = 2 * recorded["p"] - 1
    save_structured(path, recorded)
    assert_array_equal(load_dataset(path, how).test.x, expected[polarity])


def test_training_recordings_alone_are_held_out_from_all_classes(tmp_path: Path) -> None:
    for label in range(6):
        for i in range(6):
            bin_file(tmp_path / "a" / "train" / str(label) / f"{i}.bin", events(label, count=9))
    read = load_dataset(tmp_path / "a", Binning(2))
    assert read.train is not None
    assert (len(read.train.x), len(read.test.x)) == (30, 6)
    assert len(set(np.asarray(read.test.y))) > 1


def test_counts_beyond_a_byte_and_empty_recordings(tmp_path: Path) -> None:
    many = np.zeros(300, N_MNIST)
    bin_file(tmp_path / "0" / "a.bin", events(0))
    bin_file(tmp_path / "0" / "b.bin", many)
    bin_file(tmp_path / "0" / "c.bin", many[:0])
    read = load_dataset(tmp_path, Binning(1)).test.x
    assert read.dtype == np.uint16
    assert read[1].max() == read[1].sum() == 300
    assert not read[2].any()
    assert read[0].sum() in range(380, 401)


def test_what_is_not_told_is_asked_for(tmp_path: Path) -> None:
    path = save_structured(tmp_path / "a.npy", events(0))
    assert "recordings of events; give --timesteps T for T frames" in refused(path)
    message = refused(path, timesteps=3)
    assert message.endswith("no sensor size in the file; give --sensor WxH, at least 34x34")


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ({"timesteps": 0}, "timesteps = 0; expected 1 to 100000"),
        ({"sensor": "34", "timesteps": 2}, "the sensor is 34x1, give a larger --sensor WxH"),
        ({"sensor": "20x34", "timesteps": 2}, "the sensor is 20x34, give a larger --sensor WxH"),
        ({"sensor": "34x", "timesteps": 2}, "--sensor 34x; expected width and height"),
        ({"sensor": "0x9", "timesteps": 2}, "--sensor 0x9; expected width and height"),
        ({"sensor": "34x34", "bin_ms": 0.0}, "--bin 0.0; expected milliseconds, at least 0.001"),
        ({"sensor": "34x34", "bin_ms": float("nan")}, "--bin nan; expected milliseconds"),
        ({"sensor": "34x34", "timesteps": 2, "polarity": "up"}, "polarity 'up'; expected one of"),
        ({"sensor": "9999x9999", "timesteps": 99999}, "bytes; at most 4,294,967,296; use fewer"),
    ],
)
def test_options_that_do_not_fit(tmp_path: Path, how: dict[str, Any], expected: str) -> None:
    assert expected in refused(save_structured(tmp_path / "a.npy", events(0)), **how)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda e: e["x"].__setitem__(3, -1), "an event at x = -1, y ="),
        (lambda e: e["p"].__setitem__(3, 2), "polarities from 0 to 2; expected 0 and 1, or"),
    ],
)
def test_events_that_cannot_be(tmp_path: Path, change: Any, expected: str) -> None:
    recorded = events(0)
    change(recorded)
    path = save_structured(tmp_path / "a.npy", recorded)
    assert expected in refused(path, timesteps=2, sensor="34x34")


def test_seconds_are_no_microseconds(tmp_path: Path) -> None:
    recorded = events(0).astype([("x", int), ("y", int), ("t", float), ("p", int)])
    recorded["t"] /= 1e6
    path = save_structured(tmp_path / "a.npy", recorded)
    assert "t has fractions; expected whole microseconds" in refused(path, timesteps=2)


def test_other_fields_are_named(tmp_path: Path) -> None:
    path = save_structured(tmp_path / "a.npy", np.zeros(3, [("a", int), ("x", int)]))
    assert "fields a, x; expected events with t, x, y, p" in refused(path, timesteps=2)


def test_damaged_bin_files(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(bytes(7))
    assert "a.bin: 7 bytes; expected 5 for every event" in refused(tmp_path / "a.bin", timesteps=2)


def test_memory_is_bounded_before_frames_are_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save_structured(tmp_path / "a.npy", events(0))
    monkeypatch.setenv("ULTRALIF_MAX_MEMORY", "100000")
    assert "1 recordings as frames [50, 2, 34, 34]: " in refused(path, timesteps=50, sensor="34x34")


def edited(path: Path, name: str, value: Any) -> Path:
    with h5py.File(path, "a") as file:
        del file[name]
        if value is not None:
            file[name] = value
    return path


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("labels", np.zeros(4, int), "5 lists of times, 5 of units, labels (4,); expected one of"),
        ("labels", np.zeros(5), "labels are float64; expected integers"),
        ("spikes/units", np.zeros(5), "spikes/units is no list of numbers for each sample"),
        ("spikes/times", None, "no array of samples; it holds labels; expected x_train"),
        ("labels", np.array([b"a"] * 5, object), "labels holds object; expected numbers"),
        ("extra/keys", h5py.ExternalLink("/etc/passwd", "x"), "'extra/keys' is a ExternalLink"),
    ],
)
def test_hdf5_files_that_cannot_be_used(
    tmp_path: Path, name: str, value: Any, expected: str
) -> None:
    path = edited(shd(tmp_path / "shd.h5", 0), name, value)
    assert expected in refused(path, timesteps=2)


def test_damaged_hdf5_files_are_refused_or_read(tmp_path: Path) -> None:
    whole = shd(tmp_path / "shd.h5", 0, samples=2).read_bytes()
    rng, outcomes, messages = np.random.default_rng(0), [], []
    for _ in range(300):
        data = bytearray(whole)
        for _ in range(rng.integers(1, 20)):
            data[rng.integers(len(data))] = rng.integers(256)
        (tmp_path / "shd.h5").write_bytes(data)
        try:
            load_dataset(tmp_path / "shd.h5", Binning(3))
            outcomes.append("read")
        except UltralifError as error:  # and nothing else
            outcomes.append("refused")
            messages.append(str(error))
    assert not [message for message in messages if "\n" in message]
    assert outcomes.count("read") > 10
    assert outcomes.count("refused") > 10


def test_arrays_in_hdf5(tmp_path: Path) -> None:
    x, y = np.arange(48, dtype=np.uint8).reshape(12, 2, 2), np.arange(12) % 3
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for name, values in (("x_train", x), ("y_train", y), ("x_test", x[:3]), ("y_test", y[:3])):
            file.create_dataset(name, data=values, compression="gzip")
    read = load_dataset(tmp_path / "a.h5")
    assert read.train is not None
    assert_array_equal(read.train.x, x, strict=True)
    assert_array_equal(read.test.y, y[:3], strict=True)


def test_two_kinds_of_files_in_a_folder(tmp_path: Path) -> None:
    bin_file(tmp_path / "0" / "a.bin", events(0))
    save_structured(tmp_path / "0" / "b.npy", events(0))
    assert "holds files of the kinds .bin, .npy; expected one kind" in refused(tmp_path)
    (tmp_path / "0" / "b.npy").unlink()
    bin_file(tmp_path / "c.bin", events(0))
    assert "c.bin lies beside folders of classes" in refused(tmp_path, timesteps=2)
