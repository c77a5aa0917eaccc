"""Reading lists of numbers of any length from untrusted HDF5 files.

HDF5 trusts the length that such a list declares, and reads beyond what is stored, up to a crash. So
the places of the lists are read here, and their lengths are compared with what is stored there.
Source: HDF5 File Format Specification 3.0, III.E (global heap) and IV.B (layout and filters).
"""

import math
import mmap
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from ultralif_deploy.errors import UltralifError

REFERENCE = np.dtype([("length", "<u4"), ("address", "<u8"), ("index", "<u4")])
"""What a data set stores for each list: its length, its heap, and its number there."""

GZIP, SHUFFLE = 1, 2
HEAP = b"GCOL\x01\0\0\0"
HEAD_BYTES = 16
"""Of a heap, and of every object in it."""


class Lists:
    """The lists of a data set, one for each sample.

    Args:
        path: path of the file, which `check_hdf5` has checked.
        name: name of the data set.

    Raises:
        UltralifError: no lists of numbers there, or stored in a way that is not read.
    """

    def __init__(self, path: Path, name: str) -> None:
        self._where = f"{path}: {name}"
        with path.open("rb") as file:
            self._bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._heaps: dict[int, dict[int, tuple[int, int]]] = {}
        try:
            with h5py.File(path, "r") as opened:
                self._read_references(opened, name)
        except UltralifError:
            raise
        except Exception as error:  # h5py and zlib raise many kinds on damaged files
            raise self._damaged(" ".join(str(error).split())) from error

    def __len__(self) -> int:
        return len(self._references)

    def __getitem__(self, number: int) -> np.ndarray:
        """The numbers of a list.

        Raises:
            UltralifError: nothing like it is stored where it should be.
        """
        length, address, index = (int(value) for value in self._references[number])
        if length == 0:
            return np.zeros(0, self._type)
        if address not in self._heaps:
            self._heaps[address] = dict(self._objects(address + self._base))
        start, size = self._heaps[address].get(index, (0, -1))
        if length * self._type.itemsize > size:
            raise self._damaged(f"list {number} declares {length} numbers, more than are stored")
        return np.frombuffer(self._bytes, self._type, length, start).copy()

    def _read_references(self, file: h5py.File, name: str) -> None:
        data = file[name]
        inner = h5py.check_vlen_dtype(data.dtype) if isinstance(data, h5py.Dataset) else None
        if inner is None or data.ndim != 1 or np.dtype(inner).kind not in "iuf":
            raise UltralifError(f"{self._where} is no list of numbers for each sample")
        whole = file.id.get_create_plist()
        if whole.get_sizes()[0] != REFERENCE["address"].itemsize:
            raise UltralifError(f"{self._where}: addresses of other than 8 bytes; write it again")
        self._type, self._base = np.dtype(inner), int(whole.get_userblock())
        self._references = np.zeros(len(data), REFERENCE)
        for first, stored in self._stored(data):
            part = np.frombuffer(stored, REFERENCE)[: len(data) - first]
            self._references[first : first + len(part)] = part

    def _stored(self, data: h5py.Dataset) -> Iterator[tuple[int, bytes]]:
        """The bytes of the references, with the number of the first in each part."""
        properties = data.id.get_create_plist()
        if data.chunks is None:
            offset = data.id.get_offset()
            if offset is not None:
                yield 0, self._between(offset, len(data) * REFERENCE.itemsize)
            elif len(data):
                raise UltralifError(f"{self._where}: lists without a place; write the file again")
            return
        filters = [properties.get_filter(i)[0] for i in range(properties.get_nfilters())]
        if set(filters) - {GZIP, SHUFFLE}:
            raise UltralifError(
                f"{self._where}: lists with HDF5 filters {filters}; expected gzip, or none"
            )
        size = math.prod(data.chunks) * REFERENCE.itemsize
        for number in range(data.id.get_num_chunks()):
            chunk = data.id.get_chunk_info(number)
            content = self._between(chunk.byte_offset, chunk.size)
            applied = [f for i, f in enumerate(filters) if not chunk.filter_mask >> i & 1]
            yield chunk.chunk_offset[0], _unfiltered(content, applied, size)

    def _between(self, start: int, count: int) -> bytes:
        if start < 0 or start + count > len(self._bytes):
            raise self._damaged("it refers to what is beyond the file's end")
        return self._bytes[start : start + count]

    def _objects(self, start: int) -> Iterator[tuple[int, tuple[int, int]]]:
        """Start and size of the objects of a heap, by number."""
        if self._between(start, len(HEAP)) != HEAP:
            raise self._damaged("no heap of lists where one should be")
        end = start + int.from_bytes(self._between(start + 8, 8), "little")
        position = start + HEAD_BYTES
        while position + HEAD_BYTES <= end:
            head = self._between(position, HEAD_BYTES)
            index, size = int.from_bytes(head[:2], "little"), int.from_bytes(head[8:], "little")
            if index == 0:  # the free space at the end
                return
            self._between(position + HEAD_BYTES, size)
            yield index, (position + HEAD_BYTES, size)
            position += HEAD_BYTES + -(-size // 8) * 8

    def _damaged(self, reason: str) -> UltralifError:
        return UltralifError(f"{self._where}: damaged, it cannot be read ({reason})")


def _unfiltered(content: bytes, filters: list[Any], size: int) -> bytes:
    """The bytes of a chunk before its filters, the last of which was applied last.

    Args:
        content: bytes of the chunk as stored.
        filters: numbers of the filters, in the order of writing.
        size: bytes of the chunk, so that no more are inflated.
    """
    for one in reversed(filters):
        if one == GZIP:
            content = zlib.decompressobj().decompress(content, size)
        else:
            columns = np.frombuffer(content, np.uint8).reshape(REFERENCE.itemsize, -1)
            content = columns.T.tobytes()
    return content[: len(content) // REFERENCE.itemsize * REFERENCE.itemsize]
