"""Checks of untrusted HDF5 files, before any data are unpacked.

A tiny HDF5 file can declare terabytes of zeros, inflate one chunk beyond its declared size, contain
loops, nest groups endlessly, refer to other files, repeat one long text many times, or make HDF5
itself hang. All of this is refused.
"""

import math
import mmap
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.io.memory import check_contents

MAX_DEPTH = 32
"""Most levels of groups; a program has 4, and each level of subgraphs adds 2."""

MAX_OBJECTS = 20_000
MAX_TEXTS = 100_000
MAX_LISTS = 2_000_000
"""Most lists of numbers, where a file may hold some; SSC has 150 thousand."""

MAX_TEXT_BYTES = 16 << 20

WIDEST_VALUE_BYTES = 8
"""Bytes that every number counts at least, because weights are checked as int64."""

DEFLATE_RATIO = 1032
"""Largest expansion of deflate; HDF5 inflates a whole chunk before it checks the size."""

FILTERS = {1: "gzip", 2: "shuffle", 3: "fletcher32", 32000: "lzf"}
COMPRESSION = (1, 32000)

_HEAP = b"GCOL\x01\0\0\0"

Texts = dict[tuple[str, ...], str]


@dataclass(frozen=True, slots=True)
class Purpose:
    """What a file is read for.

    Attributes:
        name: name of this kind of file, for errors.
        instead_of_zip: continuation of the error about a zip archive.
        lists: whether it may hold lists of numbers of any length, as recordings of events are.
    """

    name: str
    instead_of_zip: str
    lists: bool = False

    @property
    def most_entries(self) -> int:
        """Most texts and lists."""
        return MAX_LISTS if self.lists else MAX_TEXTS


NIR = Purpose(
    "NIR",
    ", as checkpoints are; expected a NIR file: quantize or deploy a checkpoint first",
)
DATA = Purpose("data set", "; unpack it first", lists=True)


def check_hdf5(path: Path, purpose: Purpose = NIR) -> Texts:
    """Refuse a file that is not HDF5, that reaches outside itself, or that unpacks to too much.

    Args:
        path: a regular file.
        purpose: purpose for which the file is read.

    Returns:
        Every text in the file by its path, so that node types can be checked before reading.

    Raises:
        UltralifError: naming the file and the object.
    """
    check_contents(str(path), path.stat().st_size)
    try:
        _check_heaps(path, purpose)
        with h5py.File(path, "r") as file:
            return _check_objects(path, file, purpose)
    except UltralifError:
        raise
    except Exception as error:
        if zipfile.is_zipfile(path):
            raise UltralifError(f"{path}: a zip archive{purpose.instead_of_zip}") from error
        # Damaged content makes h5py raise many kinds of errors, from HDF5 or NumPy.
        raise UltralifError(
            f"{path}: not an HDF5 file, or truncated or damaged ({error}); write it again"
        ) from error


def _check_heaps(path: Path, purpose: Purpose) -> None:
    """Refuse text heaps in which an entry does not lead forward: HDF5 would loop for ever.

    A heap begins with GCOL, version 1, 3 zeros and its size as uint64. Then come entries: index
    uint16, 6 other bytes, size uint64 and the text, padded to 8 bytes. Index 0 is the free space at
    the end; its size includes its header.
    Source: HDF5 File Format Specification 3.0, III.E.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        entries = 0
        start = data.find(_HEAP)
        while start >= 0:
            position, end = start + 16, start + _uint64(data, start + 8)
            while position + 16 <= end:
                index, size = data[position : position + 2], _uint64(data, position + 8)
                step = 16 + -(-size // 8) * 8 if any(index) else size
                entries += 1
                if step == 0 or position + step > end or entries > purpose.most_entries:
                    raise UltralifError(
                        f"{path}: a damaged heap of texts at byte {start}; write the file again"
                    )
                position += step
            start = data.find(_HEAP, start + 1)


def _uint64(data: mmap.mmap, position: int) -> int:
    return int.from_bytes(data[position : position + 8], "little")


def _check_objects(path: Path, file: h5py.File, purpose: Purpose) -> Texts:
    texts: Texts = {}
    total = largest_chunk = text_count = text_bytes = 0
    for name, dataset in _datasets(path, file):
        where = f"{path}: {'/'.join(name)!r}"
        # h5py asks the file for each of these whenever they are read.
        shape, dtype, chunks = dataset.shape, dataset.dtype, dataset.chunks
        if shape is None:
            raise UltralifError(f"{where} is an empty dataset; expected values")
        _check_storage(where, dataset, dtype, purpose)
        values = max(math.prod(shape), math.prod(chunks or (0,)))
        total += values * max(WIDEST_VALUE_BYTES, dtype.itemsize)
        if chunks:
            largest_chunk = max(largest_chunk, _largest_stored_chunk(dataset))
        # Inflating needs memory for the largest chunk, besides the data that are kept.
        check_contents(f"{where} with all before it", total + DEFLATE_RATIO * largest_chunk)
        if dtype.kind == "S" and shape == ():
            texts[name] = dataset[()].decode("utf-8")
        if _lists(dtype):
            if values > MAX_LISTS:
                raise UltralifError(f"{where}: more than {MAX_LISTS:,} lists; give fewer samples")
        elif dtype.kind == "O" and not purpose.lists:  # a data set's texts are never read
            text_count += values
            if text_count > MAX_TEXTS:
                raise UltralifError(
                    f"{where}: more than {MAX_TEXTS:,} texts; too many for a {purpose.name}"
                )
            # One at a time, because many entries may share one long text.
            for index in np.ndindex(shape):
                text = dataset[index]
                text_bytes += len(text)
                if text_bytes > MAX_TEXT_BYTES:
                    raise UltralifError(
                        f"{where}: texts of more than {MAX_TEXT_BYTES:,} bytes; too long for a "
                        f"{purpose.name}"
                    )
                if shape == ():
                    texts[name] = text.decode("utf-8")
    return texts


def _datasets(path: Path, file: h5py.File) -> Iterator[tuple[tuple[str, ...], h5py.Dataset]]:
    """Every dataset by its path, without recursion; depth and number are limited."""
    groups: list[tuple[tuple[str, ...], h5py.Group]] = [((), file)]
    seen = 0
    while groups:
        above, group = groups.pop()
        for key in group:
            if not isinstance(key, str):
                raise UltralifError(f"{path}: an object named {key!r}; expected a name in UTF-8")
            name = (*above, key)
            where = f"{path}: {'/'.join(name)!r}"
            seen += 1
            if seen > MAX_OBJECTS or len(name) > MAX_DEPTH:
                raise UltralifError(
                    f"{where}: more than {MAX_OBJECTS:,} objects or {MAX_DEPTH} levels; no NIR "
                    "graph is like this"
                )
            # Checked before opening, because opening follows the link.
            link = group.get(key, getlink=True)
            if not isinstance(link, h5py.HardLink):
                raise UltralifError(
                    f"{where} is a {type(link).__name__}; only plain datasets and groups are read"
                )
            item = group[key]
            if isinstance(item, h5py.Group):
                groups.append((name, item))
            elif isinstance(item, h5py.Dataset):
                yield name, item
            else:
                raise UltralifError(f"{where} is a {type(item).__name__}; expected a dataset")


def _lists(dtype: np.dtype[Any]) -> bool:
    """Whether every entry is a list of numbers."""
    inner = h5py.check_vlen_dtype(dtype)
    return inner is not None and np.dtype(inner).kind in "biuf"


def _check_storage(
    where: str, dataset: h5py.Dataset, dtype: np.dtype[Any], purpose: Purpose
) -> None:
    """Refuse data stored in other files, types of no use, and double compression."""
    properties = dataset.id.get_create_plist()
    if properties.get_layout() == h5py.h5d.VIRTUAL or properties.get_external_count():
        raise UltralifError(f"{where} takes its values from another file; expected them inside")
    text = h5py.check_string_dtype(dtype) is not None
    numbers = dtype.kind in "biuf" or (purpose.lists and _lists(dtype))
    if not text and not numbers:
        raise UltralifError(f"{where} holds {dtype}; expected numbers or text")
    filters = [properties.get_filter(i)[0] for i in range(properties.get_nfilters())]
    if any(f not in FILTERS for f in filters) or sum(f in COMPRESSION for f in filters) > 1:
        raise UltralifError(
            f"{where}: stored with HDF5 filters {filters}; expected at most one compression and "
            f"only {', '.join(FILTERS.values())}"
        )


def _largest_stored_chunk(dataset: h5py.Dataset) -> int:
    sizes = [0]
    dataset.id.chunk_iter(lambda chunk: sizes.append(chunk.size))
    return max(sizes)
