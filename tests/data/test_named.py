"""Data sets by name, and IDX files as MNIST's authors wrote them."""

import gzip
import json
import struct
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from support.commands import DEMO, refused, ultralif
from ultralif_deploy.data import load_dataset
from ultralif_deploy.data import named as module
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
