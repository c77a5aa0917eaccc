"""Expected spikes are recognized by name and shape, and refused where they can be read twice."""

from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.verify.expected_spikes.reading import Expected, Shapes, read_expected

SHAPES = Shapes({"_1": 6, "hidden": 6, "last": 4}, classes=4, samples=3, timesteps=7)
RNG = np.random.default_rng(0)
HIDDEN = (RNG.random((7, 3, 6)) < 0.4).astype(np.uint8)
LAST = (RNG.random((7, 3, 4)) < 0.4).astype(np.uint8)


def read(folder: Path, arrays: dict[str, np.ndarray], shapes: Shapes = SHAPES) -> Expected:
    np.savez(folder / "expected.npz", **arrays)  # type: ignore[arg-type]
    return read_expected(folder / "expected.npz", shapes)


@pytest.mark.parametrize("key", ["hidden", "spikes_hidden"])
@pytest.mark.parametrize(
    "array",
    [
        HIDDEN,
        HIDDEN.astype(bool),
        HIDDEN.astype(np.float32),
        HIDDEN.astype(np.int64),
        np.swapaxes(HIDDEN, 0, 1),
        HIDDEN.reshape(7, 3, 2, 3),
        np.swapaxes(HIDDEN, 0, 1).reshape(3, 7, 1, 3, 2),
    ],
    ids=["time first", "bool", "float", "int64", "sample first", "shaped", "both"],
)
def test_spikes_of_a_named_population(tmp_path: Path, key: str, array: np.ndarray) -> None:
    found = read(tmp_path, {key: array})
    assert list(found.spikes) == ["hidden"]
    assert_array_equal(found.spikes["hidden"], HIDDEN, strict=True)
    assert found.logits is None
    assert len(found.sha256) == 64


def test_names_without_their_marks_and_arrays_without_names(tmp_path: Path) -> None:
    arrays = {"1": HIDDEN, "spikes": LAST, "logits": np.zeros((3, 4))}
    found = read(tmp_path, arrays)
    assert list(found.spikes) == ["_1", "last"]
    assert_array_equal(found.spikes["last"], LAST)
    assert found.logits is not None
    two = read(tmp_path, {"first": HIDDEN, "hidden": HIDDEN})
    assert list(two.spikes) == ["_1", "hidden"], "what a name takes is not open any more"


def test_axes_of_one_entry_may_be_missing(tmp_path: Path) -> None:
    one = Shapes({"hidden": 6}, classes=6, samples=1, timesteps=7)
    assert read(tmp_path, {"spikes": HIDDEN[:, 0]}, one).spikes["hidden"].shape == (7, 1, 6)
    flat = Shapes({"hidden": 1}, classes=1, samples=3, timesteps=7)
    found = read(tmp_path, {"spikes": HIDDEN[:, :, 0].T}, flat).spikes["hidden"]
    assert_array_equal(found, HIDDEN[:, :, :1])


def test_a_limit_takes_the_first_samples(tmp_path: Path) -> None:
    shapes = Shapes({"hidden": 6}, classes=4, samples=2, timesteps=7, limited=True)
    logits = np.arange(12.0).reshape(3, 4)
    for array in (HIDDEN, np.swapaxes(HIDDEN, 0, 1)):
        found = read(tmp_path, {"hidden": array, "logits": logits}, shapes)
        assert_array_equal(found.spikes["hidden"], HIDDEN[:, :2])
        assert found.logits is not None
        assert_array_equal(found.logits, logits[:2])


@pytest.mark.parametrize(
    ("arrays", "line"),
    [
        ({}, "no arrays; found nothing"),
        ({"spikes": HIDDEN}, "spikes names no population and fits _1, hidden"),
        ({"some": np.ones((7, 3, 5))}, "some names no population and fits no population"),
        ({"hidden": LAST}, r"hidden does not fit hidden; found hidden \(7, 3, 4\)"),
        ({"hidden": HIDDEN, "spikes_hidden": HIDDEN}, "two arrays for one population"),
        ({"hidden": HIDDEN * 0}, "no spike at all"),
        ({"hidden": HIDDEN * 0.5}, "values that are no counts of spikes"),
        ({"hidden": HIDDEN * np.nan}, "values that are no counts of spikes"),
        ({"hidden": HIDDEN * -1.0}, "values from -1 to -?0"),
        ({"hidden": HIDDEN.astype(np.int64) * 1000}, "values from 0 to 1000"),
        ({"hidden": HIDDEN * 1j}, "values that are no counts of spikes"),
        ({"hidden": HIDDEN.astype("U1")}, "values of type <U1"),
        ({"logits": np.zeros((4, 3))}, r"logits of shape \(4, 3\)"),
        ({"logits": np.full((3, 4), np.inf)}, "values that are no finite numbers"),
    ],
)
def test_refusals_name_what_was_found_and_expected(
    tmp_path: Path, arrays: dict[str, np.ndarray], line: str
) -> None:
    with pytest.raises(UltralifError, match=line) as caught:
        read(tmp_path, arrays)
    assert "keys and neurons: _1 6, hidden 6, last 4; or logits (3, 4)" in str(caught.value)


def test_as_many_samples_as_timesteps_cannot_be_told_apart(tmp_path: Path) -> None:
    square = Shapes({"hidden": 6}, classes=6, samples=3, timesteps=3)
    with pytest.raises(UltralifError, match="its axes cannot be told apart"):
        read(tmp_path, {"hidden": HIDDEN[:3]}, square)
    same = np.ones((3, 3, 6))
    assert read(tmp_path, {"hidden": same}, square).spikes["hidden"].all()


def test_a_population_named_logits_has_spikes(tmp_path: Path) -> None:
    shapes = Shapes({"logits": 6}, classes=4, samples=3, timesteps=7)
    assert list(read(tmp_path, {"logits": HIDDEN}, shapes).spikes) == ["logits"]


def test_a_line_stays_short_however_many_arrays_there_are(tmp_path: Path) -> None:
    many = {f"a{i}": np.zeros(2) for i in range(500)}
    with pytest.raises(UltralifError, match="and 488 more; expected spikes") as caught:
        read(tmp_path, many)
    assert len(str(caught.value)) < 600


def test_files_that_hold_more_than_numbers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UltralifError, match="Python objects"):
        read(tmp_path, {"hidden": np.array([{}], dtype=object)})
    (tmp_path / "other.npz").write_bytes(b"PK\x03\x04 nothing")
    with pytest.raises(UltralifError):
        read_expected(tmp_path / "other.npz", SHAPES)
