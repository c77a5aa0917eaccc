"""NIR graphs as HDF5 files that repeat to the byte."""

from typing import Any, BinaryIO

import h5py
import nir
import numpy as np


def write_graph(file: BinaryIO, graph: nir.NIRGraph) -> None:
    """Write the bytes that `nir.write` writes into a buffer, whatever other threads do.

    HDF5 finds a place for compressed values when the last reference to their dataset goes.
    `nir.write` leaves that to chance: a profiler of another thread, such as that of a Dask worker,
    may hold the reference for a moment. Here every dataset finds its place at once.

    Args:
        file: a buffer in memory.
        graph: the graph.
    """
    with h5py.File(file, "w") as hdf5:
        _write_group(hdf5, {"version": nir.version, "node": graph.to_dict()})


def _write_group(group: h5py.Group, values: dict[str, Any]) -> None:
    for name, value in values.items():
        if isinstance(value, dict):
            if value or name != "metadata":
                _write_group(group.create_group(name), value)
        elif isinstance(value, str):
            group.create_dataset(name, data=value, dtype=h5py.string_dtype()).id.close()
        elif isinstance(value, np.ndarray):
            group.create_dataset(name, data=value, compression="gzip").id.close()
        else:
            group.create_dataset(name, data=value).id.close()
