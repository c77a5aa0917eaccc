"""Arrays under other names than x_test, .npy and .csv files, and single samples."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from support.commands import refused, ultralif
from support.networks.nir_files import recurrent
from ultralif_deploy.data import load_dataset
from ultralif_deploy.errors import UltralifError

IMAGES = np.arange(48, dtype=np.uint8).reshape(12, 2, 2)
LABELS = np.arange(12) % 3


def message(path: Path) -> str:
    with pytest.raises(UltralifError) as caught:
        load_dataset(path)
    text = str(caught.value)
    assert text.startswith(f"{path}: ")
    assert "\n" not in text
    return text.removeprefix(f"{path}: ")


def saved(directory: Path, **arrays: Any) -> Path:
    np.savez(directory / "data.npz", **arrays)
    return directory / "data.npz"


@pytest.mark.parametrize(
    ("x", "y"),
    [
        ("x", "y"),
        ("X", "y"),
        ("X", "Y"),
        ("data", "targets"),
        ("images", "labels"),
        ("arr_0", "arr_1"),
    ],
)
def test_one_set_under_common_names(tmp_path: Path, x: str, y: str) -> None:
    read = load_dataset(saved(tmp_path, **{x: IMAGES, y: LABELS}))
    assert_array_equal(read.test.x, IMAGES, strict=True)
    assert_array_equal(read.test.y, LABELS, strict=True)
    assert (read.train, read.test_from) == (None, x)


@pytest.mark.parametrize("form", ["{base}_{part}", "{part}_{base}"])
@pytest.mark.parametrize(("x", "y"), [("X", "y"), ("images", "labels"), ("data", "targets")])
def test_both_splits_under_common_names(tmp_path: Path, form: str, x: str, y: str) -> None:
    arrays = {
        form.format(base=base, part=part): values[:n]
        for part, n in (("train", 12), ("test", 5))
        for base, values in ((x, IMAGES), (y, LABELS[:, None]))
    }
    read = load_dataset(saved(tmp_path, **arrays))
    assert read.train is not None
    assert_array_equal(read.train.x, IMAGES, strict=True)
    assert_array_equal(read.train.y, LABELS, strict=True)
    assert_array_equal(read.test.y, LABELS[:5], strict=True)
    assert read.test_from == form.format(base=x, part="test")


def test_several_arrays_that_could_be_the_samples(tmp_path: Path) -> None:
    path = saved(tmp_path, x=IMAGES, data=IMAGES, y=LABELS)
    assert message(path) == "holds x and data; expected one of them, keep one"


def test_npy_with_what_lies_beside(tmp_path: Path) -> None:
    for name, values in (
        *(("x_train", IMAGES), ("y_train", LABELS), ("x_test", IMAGES[:4]), ("y_test", LABELS[:4])),
        *(("other", IMAGES[:, 0]), ("data", IMAGES[1:]), ("x", IMAGES[:2])),
    ):
        np.save(tmp_path / f"{name}.npy", values)
    both = load_dataset(tmp_path / "x_test.npy")
    assert both.train is not None
    assert_array_equal(both.train.y, LABELS, strict=True)
    assert_array_equal(both.test.x, IMAGES[:4], strict=True)
    for name, values in (("other", IMAGES[:, 0]), ("data", IMAGES[1:])):
        alone = load_dataset(tmp_path / f"{name}.npy")
        assert (alone.train, alone.test.y) == (None, None)
        assert_array_equal(alone.test.x, values, strict=True)
    np.save(tmp_path / "labels.npy", LABELS[:11])
    assert_array_equal(load_dataset(tmp_path / "data.npy").test.y, LABELS[:11])


def test_npy_that_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    np.save(path, np.array([{}], dtype=object))
    assert message(path) == "a.npy holds Python objects; expected numbers"
    np.save(path, IMAGES)
    whole = path.read_bytes()
    path.write_bytes(whole[:100])
    assert message(path).startswith("not a readable .npy file (")
    path.write_bytes(whole.replace(b"(12, 2, 2)", b"(99, 9, 9)"))
    assert message(path) == "a.npy declares shape (99, 9, 9), more than the file holds"


def test_tables(tmp_path: Path) -> None:
    path, flat = tmp_path / "a.csv", IMAGES.reshape(12, 4)
    np.savetxt(path, flat, "%d", ",")
    plain = load_dataset(path)
    assert_array_equal(plain.test.x, flat, strict=True)
    assert plain.test.y is None
    table = np.column_stack([flat[:, :1] / 8, LABELS, flat[:, 1:]])
    np.savetxt(path, table, "%g", ",", header='p0,"Label",p1,p2,p3', comments="")
    named = load_dataset(path)
    assert_array_equal(named.test.x, np.delete(table, 1, 1).astype(np.float32), strict=True)
    assert_array_equal(named.test.y, LABELS, strict=True)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a,b\n1,2\n3\n", "not a table of numbers between commas ("),
        ("1,2\n3,x\n", "not a table of numbers between commas ("),
        ("a,b\n1,2,3\n", "2 names in the first line and 3 columns; expected a name of its own"),
        ("label,y,b\n1,2,3\n", "holds label and y; expected one of them"),
        ("label\n1\n", "labels alone; expected a column for each value"),
        ("label,b\n1.5,2\n", "label is float64; expected integer labels"),
        ("1,nan\n", "its table has values that are NaN"),
    ],
)
def test_tables_that_cannot_be_used(tmp_path: Path, text: str, expected: str) -> None:
    (tmp_path / "a.csv").write_text(text)
    assert message(tmp_path / "a.csv").startswith(expected)


def test_a_table_without_rows(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a,b\n")
    assert message(tmp_path / "a.csv") == "no rows; expected one sample in each"


def test_a_table_that_is_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.csv").write_text("1,2\n" * 100)
    monkeypatch.setenv("ULTRALIF_MAX_MEMORY", "100")
    assert "contents: 400 bytes; at most 100; allow" in message(tmp_path / "a.csv")


def predictions(model: Path, data: Path, *more: object) -> list[int]:
    given = ("simulate", model, "--data", data, "--json", "--on", "reference", "--dt", 1e-4)
    found: list[int] = ultralif(*given, *more).json()["predictions"]
    return found


def test_one_sample_needs_no_axis_of_samples(tmp_path: Path) -> None:
    model, rng = recurrent(tmp_path / "model.nir"), np.random.default_rng(5)
    active = np.eye(6, dtype=np.uint8)[:, None]  # every sample drives another input
    frames = active * rng.integers(0, 2, (6, 20, 6), dtype=np.uint8)
    np.save(tmp_path / "many.npy", frames)
    told = ("--encoding", "events", "--timesteps", 20)
    expected = predictions(model, tmp_path / "many.npy", *told)
    for i, sample in enumerate(frames):
        np.save(tmp_path / "one.npy", sample)
        assert predictions(model, tmp_path / "one.npy", *told, "--limit", 1) == expected[i : i + 1]
        np.savez(tmp_path / "one.npz", x=sample, y=np.int64(1))
        assert predictions(model, tmp_path / "one.npz") == expected[i : i + 1]
    assert len(set(expected)) > 1
    np.save(tmp_path / "image.npy", np.full(6, 200, np.uint8))
    assert len(predictions(model, tmp_path / "image.npy", "--encoding", "rate")) == 1


def test_samples_that_do_not_fit_are_named(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.zeros((7, 3), np.uint8))
    line = refused("simulate", recurrent(tmp_path / "model.nir"), "--data", tmp_path / "x.npy")
    assert "x.npy: samples of shape (3,)" in line


def test_arrays_in_groups_of_hdf5(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        for group, count in (("train", 12), ("test", 3)):
            file.create_dataset(f"{group}/images", data=IMAGES[:count])
            file.create_dataset(f"{group}/labels", data=LABELS[:count])
    read = load_dataset(path)
    assert read.train is not None
    assert_array_equal(read.train.x, IMAGES, strict=True)
    assert_array_equal(read.test.y, LABELS[:3], strict=True)
    with h5py.File(path, "a") as file:
        file.create_dataset("train_images", data=IMAGES)
    assert message(path) == "two arrays are named train_images; expected one"


def test_validation_samples_stand_in_for_missing_test_samples(tmp_path: Path) -> None:
    read = load_dataset(saved(tmp_path, x_train=IMAGES, x_val=IMAGES[:3], val_y=LABELS[:3]))
    assert read.test_from == "x_val"
    assert_array_equal(read.test.x, IMAGES[:3])
    assert_array_equal(read.test.y, LABELS[:3])
    assert read.train is not None
    assert len(read.train.x) == len(read.validating().train.x) == len(IMAGES)


def test_validation_samples_are_measured_on_where_they_are_asked_for(tmp_path: Path) -> None:
    given = {"x_train": IMAGES, "x_valid": IMAGES[3:5], "x_test": IMAGES[:4]}
    read = load_dataset(saved(tmp_path, **given))
    assert_array_equal(read.test.x, IMAGES[:4])
    asked = read.validating()
    assert_array_equal(asked.test.x, IMAGES[3:5])
    assert asked.test_from == "validation split"
    assert_array_equal(asked.train.x, IMAGES)
    text = message(saved(tmp_path, x_train=IMAGES, x_val=IMAGES[:1], x_valid=IMAGES[1:2]))
    assert text.startswith("holds x_valid and x_val; expected one of them")
    text = message(saved(tmp_path, x_train=IMAGES, x_val=IMAGES[:, 0], x_test=IMAGES))
    assert text.startswith("samples of x_train have shape (2, 2), of x_val (2,)")
