"""Samples as named arrays: which names mean samples and labels, and files that hold such arrays."""

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from ultralif_deploy.data.splits import SPLITS, Dataset, Named, Split, assembled, checked_split
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.io.memory import allowed_bytes, check_contents
from ultralif_deploy.io.npz import check_npy_header

SAMPLES = ("x", "X", "data", "samples", "inputs", "images", "spikes", "frames", "arr_0")
LABELS = ("y", "Y", "targets", "target", "labels", "label", "arr_1")

Reader = Callable[[str], np.ndarray]


def dataset_of_names(where: str, present: Iterable[str], read: Reader) -> Dataset | None:
    """A data set of arrays whose names are known; None where no name means samples.

    Either x and y, which are then the test samples, or these of a split, as x_train, x_val,
    train_images, test_labels.

    Args:
        where: text that names the file, for errors.
        present: names of all arrays.
        read: an array by name.

    Raises:
        UltralifError: several arrays could be the samples, or arrays cannot be used.
    """
    names = set(present)
    chosen = {part: _pair(where, names, part) for part in (*SPLITS, "")}
    alone = chosen.pop("")
    found = {part: pair for part, pair in chosen.items() if pair is not None}
    if not found:
        return None if alone is None else _alone(where, alone, read)
    splits = {part: _split(where, pair, read) for part, pair in found.items()}
    x_names = {part: f"x_{part}" for part in SPLITS}
    return assembled(where, splits, x_names | {part: pair[0] for part, pair in found.items()})


def beside(name: str, present: Iterable[str]) -> set[str]:
    """Names that belong to one set of samples: the other split, and labels; empty for any others.

    Args:
        name: name of the samples, for example `x_test`.
        present: all names.
    """
    for base in SAMPLES[:-1]:
        spellings = {spelled for part in ("", *SPLITS) for spelled in _spelled(base, part)}
        if name in spellings:
            alone = name == base
            others = {spelled for b in LABELS for part in SPLITS for spelled in _spelled(b, part)}
            wanted = {name, *LABELS} if alone else spellings - {base} | others
            return wanted & set(present)
    return set()


def no_samples(where: str, present: Iterable[str], more: str = "") -> UltralifError:
    """The error where no array has a name that means samples.

    Args:
        where: text that names the file.
        present: names of all arrays.
        more: addition to the message: what else could be read.
    """
    found = ", ".join(sorted(present)[:20]) or "none"
    return UltralifError(
        f"{where}: no array of samples; it holds {found}; expected x_train, y_train, x_test, "
        f"y_test, or one set: {', '.join(SAMPLES[:-1])}, with {', '.join(LABELS[:-1])}"
        f"{more}"
    )


def _pair(where: str, names: set[str], part: str) -> tuple[str, str | None] | None:
    """The names of samples and labels of a split, `""` being the only one; None without samples."""
    samples = _one(where, [n for base in SAMPLES for n in _spelled(base, part) if n in names])
    labels = _one(where, [n for base in LABELS for n in _spelled(base, part) if n in names])
    return None if samples is None else (samples, labels)


def _spelled(base: str, part: str) -> tuple[str, ...]:
    if not part:
        return (base,)
    return tuple(name for said in SPLITS[part] for name in (f"{base}_{said}", f"{said}_{base}"))


def _one(where: str, names: list[str]) -> str | None:
    if len(names) > 1:
        raise UltralifError(f"{where}: holds {' and '.join(names)}; expected one of them, keep one")
    return names[0] if names else None


def _split(where: str, pair: tuple[str, str | None], read: Reader) -> Split:
    x_name, y_name = pair
    y = None if y_name is None else read(y_name)
    return checked_split(where, Named(read(x_name), y, x_name, y_name or "y"))


def _alone(where: str, pair: tuple[str, str | None], read: Reader) -> Dataset:
    """The only set of samples in a file; with one label, or as a single axis, it is one sample."""
    x_name, y_name = pair
    y = None if y_name is None else read(y_name)
    return one_set(where, Named(read(x_name), y, x_name, y_name or "y"))


def one_set(where: str, given: Named) -> Dataset:
    """A data set without training samples; one label, or a single axis, means one sample.

    Args:
        where: text that names the file, for errors.
        given: the arrays.

    Raises:
        UltralifError: samples or labels that cannot be used.
    """
    x, y = given.x, given.y
    if (y is not None and y.ndim == 0) or (y is None and x.ndim == 1 and x.size):
        x = x[None]
        y = None if y is None else y[None]
    split = checked_split(where, Named(x, y, given.x_name, given.y_name))
    return assembled(where, {"test": split}, {"test": given.x_name})


def read_npy(path: Path) -> np.ndarray:
    """The array in a .npy file.

    Raises:
        UltralifError: a damaged file, Python objects, or a header that declares more than there is.
    """
    try:
        with path.open("rb") as file:
            check_npy_header(path, path.name, file, path.stat().st_size)
        array: np.ndarray = np.load(path, allow_pickle=False)
        return array
    except UltralifError:
        raise
    except Exception as error:  # numpy raises many kinds on damaged files
        raise UltralifError(f"{path}: not a readable .npy file ({error})") from error


def read_table(path: Path) -> dict[str, np.ndarray]:
    """The columns of a .csv file by name; without a first line of names, one array named x.

    Raises:
        UltralifError: no table of numbers.
    """
    check_contents(str(path), path.stat().st_size)
    try:
        with path.open(encoding="utf-8-sig") as file:
            first = file.readline(allowed_bytes()).strip()
            names = [name.strip().strip('"') for name in first.split(",")]
            named = not all(map(_is_number, names))
            if not named:
                file.seek(0)
            lines = [line for line in file if line.strip()]
        if not lines:
            raise UltralifError(f"{path}: no rows; expected one sample in each")
        rows = np.loadtxt(lines, delimiter=",", ndmin=2, dtype=np.float64)
    except (ValueError, OSError) as error:
        raise UltralifError(f"{path}: not a table of numbers between commas ({error})") from error
    if not named:
        return {"x": _compact(rows)}
    if len(names) != rows.shape[1] or len(set(names)) != len(names):
        raise UltralifError(
            f"{path}: {len(set(names))} names in the first line and {rows.shape[1]} columns; "
            "expected a name of its own for each"
        )
    return {name: _compact(rows[:, i]) for i, name in enumerate(names)}


def dataset_of_table(path: Path, columns: dict[str, np.ndarray]) -> Dataset:
    """Samples of a table: a column named label, target, class or y, and values in all others.

    Args:
        path: path of the table, for errors.
        columns: columns as `read_table` returns them.

    Raises:
        UltralifError: several columns of labels, or values that cannot be used.
    """
    if list(columns) == ["x"] and columns["x"].ndim == 2:
        return one_set(str(path), Named(columns["x"], x_name="its table"))
    label = _one(str(path), [name for name in columns if name.lower() in (*LABELS, "class")])
    rest = [values for name, values in columns.items() if name != label]
    if not rest:
        raise UltralifError(f"{path}: labels alone; expected a column for each value of a sample")
    y = None if label is None else columns[label]
    return one_set(str(path), Named(_compact(np.stack(rest, axis=1)), y, "its table", label or "y"))


def _compact(values: np.ndarray) -> np.ndarray:
    """Whole numbers as integers: a table does not tell types."""
    whole = np.isfinite(values).all() and np.all(np.abs(values) < 2**53)
    return values.astype(np.int64) if whole and np.all(values == np.rint(values)) else values


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
