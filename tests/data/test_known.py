"""Data sets by name, and IDX files as MNIST's authors wrote them."""

import gzip
import json
import struct
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from support.commands import DEMO, refused, ultralif
from ultralif_deploy.data import Dataset, load_dataset
from ultralif_deploy.data.known import names as module
from ultralif_deploy.data.loading import EMBEDDED
from ultralif_deploy.errors import UltralifError

IMAGES = np.random.default_rng(0).integers(0, 256, (12, 8, 8), dtype=np.uint8)
LABELS = np.arange(12, dtype=np.uint8) % 10


def idx(array: np.ndarray) -> bytes:
    """An IDX file of bytes."""
    axes = struct.pack(f">{array.ndim}I", *array.shape)
    return bytes((0, 0, 8, array.ndim)) + axes + array.tobytes()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that torchvision makes, below one that is searched."""
    raw = tmp_path / "here" / "MNIST" / "raw"
    raw.mkdir(parents=True)
    (raw / "train-images-idx3-ubyte").write_bytes(idx(IMAGES))
    (raw / "train-labels-idx1-ubyte").write_bytes(idx(LABELS))
    (raw / "t10k-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(IMAGES[:5])))
    (raw / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(LABELS[:5])))
    monkeypatch.setattr(module, "EVERYWHERE", ())
    monkeypatch.setenv(module.FOLDERS, f"/nowhere:{tmp_path / 'here'}")
    return raw


def test_images_and_labels_are_read(folder: Path) -> None:
    for source in ("mnist", folder):
        found = load_dataset(source)
        assert found.train is not None
        assert_array_equal(found.train.x, IMAGES)
        assert_array_equal(found.train.y, LABELS)
        assert_array_equal(found.test.x, IMAGES[:5])
        assert found.test_from == "t10k-images"
    assert load_dataset("mnist").name == "mnist"


def test_the_command_lists_what_was_found(folder: Path) -> None:
    found = json.loads(ultralif("data", "--json").out)
    assert found["datasets"]["mnist"]["place"] == str(folder)
    assert found["datasets"]["fashion"]["place"] is None
    assert found["datasets"]["digits"]["place"] == str(EMBEDDED["digits"])
    assert found["searched"][0] == "/nowhere"
    text = ultralif("data", "mnist", "fashion").out
    assert "not found" in text
    assert "apt-get install dataset-fashion-mnist" in text
    assert "no data set 'colour'" in refused("data", "colour")


def test_the_command_writes_a_file_that_is_read(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "some.npz"
    written = json.loads(ultralif("data", "mnist", "--limit", 7, "-o", file, "--json").out)
    assert written["samples"] == {"x_train": [7, 8, 8], "x_test": [5, 8, 8]}
    found = load_dataset(file)
    assert found.train is not None
    assert found.train.y is not None
    rows = [int(np.flatnonzero((x == IMAGES).all((1, 2)))[0]) for x in found.train.x]
    assert len(set(rows)) == 7
    assert rows != sorted(rows)  # drawn, as files are often sorted by class
    assert_array_equal(found.train.y, LABELS[rows])
    assert_array_equal(found.test.x, IMAGES[:5])


def test_one_split_is_written_alone(folder: Path, tmp_path: Path) -> None:
    file, whole = tmp_path / "train.npz", load_dataset("mnist")
    written = json.loads(ultralif("data", "mnist", "--split", "train", "-o", file, "--json").out)
    assert whole.train is not None
    assert written["samples"] == {"x_train": list(whole.train.x.shape)}
    with np.load(file) as arrays:
        assert_array_equal(arrays["x_train"], whole.train.x)
        assert_array_equal(arrays["y_train"], whole.train.y)
    assert load_dataset(file).test_from.startswith("last ")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("mnist", "-o", "out.txt"), "out.txt: expected a name that ends in .npz"),
        (("mnist", "digits", "-o", "out.npz"), "2 data sets are named; expected one"),
        (("mnist", "--bin", 10, "-o", "out.npz"), "holds no recordings of events"),
        (("mnist", "--limit", 0, "-o", "out.npz"), "limit = 0; expected at least 1"),
        (("mnist", "--limit", 3), "--limit 3: it is for -o FILE.npz"),
        (("mnist", "--split", "val", "-o", "out.npz"), "mnist has no split val; expected train or"),
        (("mnist", "-o", "nowhere/out.npz"), "nowhere"),
    ],
)
def test_a_file_that_cannot_be_written_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[object, ...], line: str
) -> None:
    monkeypatch.chdir(folder)
    before = sorted(folder.iterdir())
    assert line in refused("data", *arguments)
    assert sorted(folder.iterdir()) == before


def test_a_sample_of_recordings_is_made_by_its_own_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "EVERYWHERE", (".",))
    monkeypatch.setenv(module.FOLDERS, "")
    monkeypatch.chdir(tmp_path)
    for split in ("Train", "Test"):
        for label in range(10):
            for i in range(3):
                place = tmp_path / "NMNIST" / split / str(label) / f"{i}.bin"
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(bytes((label, i, 128, 0, 0, 5, 6, 4, 0, 0)))  # 0 and 262 ms
    how = module.KNOWN["nmnist-sample"].how.split()
    assert how[0] == "ultralif"
    assert module.place_of("nmnist-sample") is None
    ultralif(*[{"1000": "25"}.get(word, word) for word in how[1:]])
    found = load_dataset("nmnist-sample")
    assert found.train is not None
    assert found.train.x.shape == (25, 20, 2, 34, 34)
    assert len(np.unique(found.train.y)) == 10
    assert_array_equal(np.argwhere(found.train.x[0]), [[0, 1, *_place(found, 0)], [17, 0, 6, 5]])


def _place(found: Dataset, number: int) -> tuple[int, int]:
    """Row and column of the first event of a recording: its number in the folder, its label."""
    assert found.train is not None
    assert found.train.y is not None
    label = int(found.train.y[number])
    (row,) = np.flatnonzero(found.train.x[number, 0, 1, :, label])
    return int(row), label


def test_a_missing_data_set_says_how_to_get_it(folder: Path, tmp_path: Path) -> None:
    line = refused("deploy", DEMO, "--data", "fashion", "-o", tmp_path / "out")
    assert "fashion: not on this machine" in line
    assert "apt-get install dataset-fashion-mnist" in line
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"", "starts with "),
        (b"\0\0\x0d\1" + bytes(8), "starts with 00000d01"),
        (b"\0\0\x08\3" + bytes(3), "not a readable IDX file"),
        (b"\0\0\x08\3" + b"\xff" * 12, "declared contents"),
        (idx(IMAGES)[:-1], "need 768 bytes; it has other many"),
        (idx(IMAGES) + b"\0", "need 768 bytes; it has other many"),
        (idx(IMAGES[:3]), "train-labels-idx1-ubyte has shape (12,); expected (3,)"),
    ],
)
def test_damaged_files_are_refused(folder: Path, content: bytes, line: str) -> None:
    (folder / "train-images-idx3-ubyte").write_bytes(content)
    with pytest.raises(UltralifError) as caught:
        load_dataset("mnist")
    assert line in str(caught.value)


def test_damaged_gzip_and_missing_labels_are_refused(folder: Path) -> None:
    (folder / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(LABELS[:5]))[:20])
    with pytest.raises(UltralifError, match="not a readable IDX file"):
        load_dataset("mnist")
    (folder / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(UltralifError, match=r"ubyte\.gz without t10k-labels"):
        load_dataset("mnist")
