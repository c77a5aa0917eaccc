"""Changed checkpoints, NumPy archives and NIR files; most are well formed in other ways."""

import io
import os
import zipfile
from pathlib import Path
from random import Random
from typing import Any

import h5py
import numpy as np
import torch

from support.fuzzing import values
from support.fuzzing.changes import change_bytes, change_tree


class Trap:
    """Makes a directory where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (self.path,)


# Checkpoints


def change_checkpoint(content: bytes, random: Random, trap: Path) -> bytes:
    """Another tensor, setting or key, a pickle that runs code, or changed bytes."""
    if random.random() < 0.2:
        return change_bytes(content, random)
    loaded = torch.load(io.BytesIO(content), weights_only=True)
    change = random.randrange(4)
    if change == 0:
        loaded[random.choice(("trap", "config"))] = Trap(trap)
    elif change == 1:
        change_tree(loaded, random)
    else:
        state = next(v for v in loaded.values() if isinstance(v, dict) and _tensors(v))
        _change_tensors(state, random)
    out = io.BytesIO()
    torch.save(loaded, out)
    return out.getvalue()


def _tensors(state: dict[str, Any]) -> list[str]:
    return [name for name, value in state.items() if isinstance(value, torch.Tensor)]


def _change_tensors(state: dict[str, Any], random: Random) -> None:
    name = random.choice(_tensors(state))
    tensor = state[name]
    change = random.randrange(6)
    if change == 0:
        state[name] = torch.zeros(1, dtype=tensor.dtype).expand(1 << 40)
    elif change == 1:
        state[name] = torch.zeros(1).expand(*tensor.shape[:-1], 1 << 30)
    elif change == 2:
        state[name] = tensor.to_sparse() if tensor.ndim else tensor
    elif change == 3:
        state[f"{random.choice(('module.', 'x.', '0'))}{name}"] = state.pop(name)
    elif change == 4:
        state[name] = values.scalar(random)
    else:
        changed = values.array(random, tensor.numpy())
        native = changed.astype(changed.dtype.newbyteorder("="))
        state[name] = torch.from_numpy(np.ascontiguousarray(native)).reshape(native.shape)


# NumPy archives


def change_npz(content: bytes, random: Random, trap: Path) -> bytes:
    """Other arrays, headers that lie, entries that stand twice, or changed bytes."""
    if random.random() < 0.2:
        return change_bytes(content, random)
    with np.load(io.BytesIO(content)) as data:
        arrays = dict(data)
    name = random.choice(list(arrays))
    entries = {f"{key}.npy": _npy(value) for key, value in arrays.items()}
    change = random.randrange(6)
    if change == 0:
        entries[f"{name}.npy"] = _npy(np.array([Trap(trap)], dtype=object))
    elif change == 1:
        entries[f"{name}.npy"] = change_bytes(entries[f"{name}.npy"][:128], random)
    elif change == 2:
        entries[f"{name}.npy"] = _lying(random.choice(((1 << 40,), (1 << 31, 1 << 31), (-1,))))
    elif change == 3:
        entries[random.choice(("x.npy", "../x.npy", "x", f"{name.upper()}.npy"))] = entries.pop(
            f"{name}.npy"
        )
    else:
        entries[f"{name}.npy"] = _npy(values.array(random, arrays[name]))
    return _zipped(entries, twice=f"{name}.npy" if random.random() < 0.05 else None)


def _npy(array: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.lib.format.write_array(out, array, allow_pickle=True)
    return out.getvalue()


def _lying(shape: tuple[int, ...]) -> bytes:
    """An array that says to have a shape, and holds four bytes."""
    out = io.BytesIO()
    header = {"descr": "<f4", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(out, header)  # type: ignore[arg-type]
    return out.getvalue() + bytes(4)


def _zipped(entries: dict[str, bytes], twice: str | None) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    if twice in entries:  # the archive's own class warns of it
        return out.getvalue() + out.getvalue()
    return out.getvalue()


# NIR files


def change_nir(content: bytes, random: Random, trap: Path) -> bytes:
    """Another dataset, group or link, or changed bytes."""
    if random.random() < 0.2:
        return change_bytes(content, random)
    out = io.BytesIO(content)
    with h5py.File(out, "r+") as file:
        names: list[str] = []
        file.visit(names.append)
        _change_object(file, random.choice(names), random)
    return out.getvalue()


def _change_object(file: h5py.File, name: str, random: Random) -> None:
    item = file[name]
    old = item[()] if isinstance(item, h5py.Dataset) and item.dtype.kind in "biuf" else None
    change = random.randrange(7)
    if change == 0:
        file[name + random.choice(("x", " x", "2", "\u202e"))] = item
        return
    del file[name]
    if change == 1:
        file[name] = values.array(random, np.asarray(old) if old is not None else None)
    elif change == 2:
        file[name] = random.choice(("", "LIF", "Threshold", "x" * 70_000, "NIRGraph"))
    elif change == 3:
        file[name] = h5py.SoftLink("/node")
    elif change == 4:
        file.create_group(name)
    elif change == 5:
        file.create_dataset(name, (1 << 33, 1 << 33), "i1", chunks=(64, 64), compression="gzip")
