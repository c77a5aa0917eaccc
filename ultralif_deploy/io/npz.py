"""Writing .npz files, and reading them; what is read is never trusted."""

import io
import zipfile
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.io.files import check_zip_archive, readable_file
from ultralif_deploy.io.memory import check_contents


def read_npz(path: str | Path, names: Iterable[str] | None = None) -> dict[str, np.ndarray]:
    """Read arrays of numbers by name: those of `names` that the file holds, or all.

    Raises:
        UltralifError: no such file, a damaged one, Python objects, or arrays whose headers declare
            more than the file holds.
    """
    path = readable_file(path)
    check_zip_archive(path, "a .npz file")
    try:
        with zipfile.ZipFile(path) as archive:
            _refuse_second_entries(path, archive.namelist())
            present = {n.removesuffix(".npy") for n in archive.namelist() if n.endswith(".npy")}
            if names is not None:
                present &= set(names)
            for name in sorted(present):
                entry = f"{name}.npy"
                with archive.open(entry) as file:
                    check_npy_header(path, entry, file, archive.getinfo(entry).file_size)
        with np.load(path, allow_pickle=False) as data:
            return {name: data[name] for name in sorted(present)}
    except UltralifError:
        raise
    except Exception as error:  # zipfile and numpy raise many kinds on damaged files
        raise UltralifError(f"{path}: not a readable .npz file ({error})") from error


def npz_bytes(arrays: Mapping[str, np.ndarray], *, compressed: bool = False) -> bytes:
    """A .npz file in memory: a full disk then cannot stop in the middle of an archive."""
    buffer = io.BytesIO()
    save: Any = np.savez_compressed if compressed else np.savez
    save(buffer, **arrays)
    return buffer.getvalue()


def _refuse_second_entries(path: Path, entries: list[str]) -> None:
    """Refuse two entries for one array: other readers may take the other one."""
    (name, count), *_ = Counter(e.removesuffix(".npy") for e in entries).most_common(1) or [("", 0)]
    if count > 1:
        raise UltralifError(f"{path}: holds {name!r} {count} times; expected every array once")


def npz_names(path: str | Path) -> tuple[str, ...]:
    """Names of the arrays in a .npz file.

    Raises:
        UltralifError: no such file, or a damaged one.
    """
    path = readable_file(path)
    check_zip_archive(path, "a .npz file")
    with zipfile.ZipFile(path) as archive:
        return tuple(n.removesuffix(".npy") for n in archive.namelist() if n.endswith(".npy"))


def check_npy_header(path: Path, name: str, file: IO[bytes], held_bytes: int) -> None:
    """Compare the size that an array's header declares with what there is.

    Args:
        path: path of the file, for errors.
        name: name of the array.
        file: opened at the beginning of the array's header.
        held_bytes: length of the array with its header.

    Raises:
        UltralifError: Python objects, or more declared than there is or than is ever read.
    """
    version = np.lib.format.read_magic(file)
    read: Any = (
        np.lib.format.read_array_header_1_0
        if version == (1, 0)
        else np.lib.format.read_array_header_2_0
    )
    shape, _, dtype = read(file)
    if dtype.hasobject:
        raise UltralifError(f"{path}: {name} holds Python objects; expected numbers")
    count = 1
    for length in shape:
        count *= int(length)
    check_contents(f"{path}: {name}", count * dtype.itemsize)
    if count * dtype.itemsize > held_bytes:
        raise UltralifError(f"{path}: {name} declares shape {shape}, more than the file holds")
