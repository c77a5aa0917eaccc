"""Files that are no NIR program end in one line, and cost no memory."""

import re
import tracemalloc
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from support.networks.nir_changes import refusal, scalar
from support.networks.nir_files import NODES, Edit, changed, every_kind, put
from ultralif_deploy.exporters.nir.programs import write_nir
from ultralif_deploy.io import hdf5
from ultralif_deploy.io.memory import allowed_bytes


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    path = tmp_path / "program.nir"
    write_nir(every_kind(), path)
    return path


def test_missing_file(tmp_path: Path) -> None:
    assert "no such file" in refusal(tmp_path / "none.nir")
    assert "not a regular file" in refusal(tmp_path)


@pytest.mark.parametrize("keep", [0, 7, 100, 5000, -1])
def test_not_hdf5_or_truncated(stored: Path, keep: int) -> None:
    stored.write_bytes(stored.read_bytes()[:keep])
    assert "not an HDF5 file, or truncated or damaged" in refusal(stored)
    stored.write_bytes(b"no HDF5" * 1000)
    assert "not an HDF5 file" in refusal(stored)


def linked(name: str, link: Any) -> Edit:
    return lambda file: put(file, name, link)


def declared(name: str, shape: tuple[int, ...], dtype: Any, **options: Any) -> Edit:
    """A dataset without values."""

    def edit(file: h5py.File) -> None:
        if name in file:
            del file[name]
        file.create_dataset(name, shape, dtype, **options)

    return edit


def deep(file: h5py.File) -> None:
    file["node/metadata"].create_group("/".join(["a"] * 2000))


def loop(file: h5py.File) -> None:
    file["node/metadata/again"] = file["node"]


def bomb(file: h5py.File) -> None:
    """16 values whose one stored chunk could inflate to more than is allowed."""
    data = file.create_dataset("bomb", (16,), "f4", chunks=(16,), compression="gzip")
    data.id.write_direct_chunk((0,), bytes(allowed_bytes() // hdf5.DEFLATE_RATIO + 1))


def long_texts(file: h5py.File) -> None:
    file["texts"] = ["x" * 6_000_000] * 3


def many_texts(file: h5py.File) -> None:
    file.create_dataset("texts", (200_000,), h5py.string_dtype(), compression="gzip")


def virtual(file: h5py.File) -> None:
    layout = h5py.VirtualLayout((3,), "f8")
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", (3,))
    file.create_virtual_dataset("virtual", layout)


def stacked(file: h5py.File) -> None:
    """Gzip on top of gzip, which inflates to the square."""
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_chunk((16,))
    properties.set_deflate(9)
    properties.set_filter(h5py.h5z.FILTER_DEFLATE, 0, (9,))
    space = h5py.h5s.create_simple((16,))
    h5py.h5d.create(file.id, b"stacked", h5py.h5t.NATIVE_INT32, space, properties)


def trap(file: h5py.File) -> None:
    """An entry of the texts' heap that leads nowhere; HDF5 alone would follow it for ever."""
    path = Path(file.filename)
    file.close()
    stored = bytearray(path.read_bytes())
    first = stored.index(b"GCOL") + 16
    stored[first : first + 16] = bytes(16)
    path.write_bytes(stored)


FILE_CASES: dict[str, tuple[Edit, str]] = {
    "external link": (
        linked("node/nodes/x", h5py.ExternalLink("/etc/passwd", "/x")),
        "'node/nodes/x' is a ExternalLink; only plain datasets and groups",
    ),
    "soft link": (linked("node/nodes/x", h5py.SoftLink("/node")), "is a SoftLink; only plain"),
    "committed type": (linked("node/type_of", np.dtype("f8")), "is a Datatype; expected a dataset"),
    "terabytes": (
        declared(
            f"{NODES}/fc_1/tau", (1 << 40, 1 << 40), "i1", chunks=(64, 64), compression="gzip"
        ),
        r"declared contents: [\d,]{30,} bytes; at most 4,294,967,296",
    ),
    "many bytes": (
        declared(f"{NODES}/fc_1/tau", ((1 << 29) + 1,), "i1", chunks=True, compression="gzip"),
        "tau' with all before it: declared contents: 4,29.* bytes; at most",
    ),
    "huge chunk": (
        declared("x", (1,), "i1", maxshape=(None,), chunks=(1 << 30,), compression="gzip"),
        "declared contents: 8,58.* bytes; at most",
    ),
    "inflating chunk": (bomb, "declared contents: .* bytes; at most"),
    "stacked compression": (stacked, r"filters \[1, 1\]; expected at most one compression"),
    "strange filter": (
        declared("x", (9,), "i4", chunks=(9,), scaleoffset=0),
        r"HDF5 filters \[6\]; expected .* only gzip, shuffle, fletcher32, lzf",
    ),
    "values outside": (
        declared("x", (9,), "u1", external=[("/etc/passwd", 0, 9)]),
        "takes its values from another file; expected them inside",
    ),
    "virtual": (virtual, "takes its values from another file"),
    "lists": (declared("x", (9,), h5py.vlen_dtype("i4")), "holds object; expected numbers or text"),
    "records": (declared("x", (9,), [("a", "i4")]), "expected numbers or text"),
    "no values": (scalar("x", h5py.Empty("f8")), "is an empty dataset; expected values"),
    "deep": (deep, "objects or 32 levels"),
    "loop": (loop, "objects or 32 levels"),
    "long texts": (long_texts, "texts of more than 16,777,216 bytes"),
    "many texts": (many_texts, "more than 100,000 texts"),
    "trap": (trap, "a damaged heap of texts at byte [0-9]+; write the file again"),
    "broken text": (scalar("x", np.bytes_(b"\xff\xfe")), "damaged .*can't decode byte 0xff"),
}


@pytest.mark.parametrize("case", FILE_CASES)
def test_hostile_file(case: str, stored: Path) -> None:
    edit, message = FILE_CASES[case]
    changed(stored, edit)
    tracemalloc.start()
    try:
        found = refusal(stored)
        assert tracemalloc.get_traced_memory()[1] < 50e6
    finally:
        tracemalloc.stop()
    assert re.search(message, found), found
