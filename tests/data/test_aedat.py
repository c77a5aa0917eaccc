"""AEDAT4 files, which the library of their authors writes."""

import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from support.requirements import import_or_skip
from ultralif_deploy.data import load_dataset
from ultralif_deploy.data.binning import Binning
from ultralif_deploy.errors import Missing, UltralifError

REMEDY = "pip install --no-deps -r .ci/readers.txt"


def recording(path: Path, seed: int) -> np.ndarray:
    """Write a recording of 20x10 pixels; returns its events."""
    dv = import_or_skip("dv_processing", REMEDY)
    rng, store = np.random.default_rng(seed), dv.EventStore()
    columns = [np.sort(rng.integers(5, 90_000, 300))]
    columns += [rng.integers(0, most, 300) for most in (20, 10, 2)]
    for t, x, y, p in zip(*columns, strict=True):
        store.push_back(int(t), int(x), int(y), bool(p))
    path.parent.mkdir(exist_ok=True)
    writer = dv.io.MonoCameraWriter(
        str(path), dv.io.MonoCameraWriter.EventOnlyConfig("DVXplorer", (20, 10))
    )
    writer.writeEvents(store)
    del writer  # closes the file
    return np.rec.fromarrays(columns, names="t,x,y,p")


def test_recordings(tmp_path: Path) -> None:
    for i, name in enumerate(("left", "right")):
        np.save(tmp_path / f"{i}.npy", recording(tmp_path / name / "a.aedat4", i))
    read = load_dataset(tmp_path / "right" / "a.aedat4", Binning(8))
    expected = load_dataset(tmp_path / "1.npy", Binning(8, None, "20x10"))
    assert_array_equal(read.test.x, expected.test.x, strict=True)
    assert read.binning == expected.binning
    for i in range(2):
        (tmp_path / f"{i}.npy").unlink()
    both = load_dataset(tmp_path, Binning(8)).test
    assert_array_equal(both.y, [0, 1])
    assert_array_equal(both.x[1:], read.test.x, strict=True)


def test_damaged_files(tmp_path: Path) -> None:
    path = tmp_path / "a.aedat4"
    for content in (b"", b"#!AER-DAT4.0\r\n", bytes(100)):
        path.write_bytes(content)
        with pytest.raises(UltralifError, match=r"a\.aedat4: not a readable AEDAT4 file \("):
            load_dataset(path, Binning(3))


def test_without_a_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.aedat4").write_bytes(b"")
    monkeypatch.setitem(sys.modules, "aedat", None)
    with pytest.raises(Missing, match=r"aedat, .* is not installed; to install it: pip install"):
        load_dataset(tmp_path / "a.aedat4", Binning(3))
