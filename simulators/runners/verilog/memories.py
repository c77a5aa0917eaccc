"""Weights and parameters as the memories of simulated hardware hold them."""

from typing import Any

import numpy as np

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.program.graph import WEIGHTED, Conv2d
from ultralif_deploy.program.program import Program


def read_arrays(
    program: Program, layout: dict[str, Any], slots: dict[str, np.ndarray], text: str
) -> dict[str, np.ndarray]:
    """Arrays that the hardware executes, by the names of `executed_arrays`.

    Args:
        program: program that the hardware expresses.
        layout: content of layout.json.
        slots: neuron of each address, by population.
        text: lines `memory word`, as the testbench writes them.

    Raises:
        UltralifError: a memory is missing or holds unknown values.
    """
    memories = _words(text)
    arrays = {}
    for projection in program.projections:
        if not isinstance(projection.map, WEIGHTED):
            continue
        stored = layout["projections"][projection.name]
        words = _fields(memories, stored["memory"], stored["lanes"], stored["bits"], True)
        if isinstance(projection.map, Conv2d):
            arrays[projection.name] = _kernel(words, stored, projection.map)
            continue
        sources = slots.get(projection.source, np.arange(projection.map.source_size))
        targets = slots[projection.target]
        placed = words.reshape(len(sources), len(targets)).T
        arrays[projection.name] = placed[_places(targets)][:, _places(sources)]
    for stored in layout["parameters"]:
        neurons = slots[stored["population"]]
        lanes, levels = stored["lanes"], stored["levels"]
        words = _fields(
            memories, stored["memory"], lanes * levels, stored["bits"], stored["signed"]
        )
        words = np.broadcast_to(words, (len(neurons) // lanes, lanes * levels))
        placed = words.reshape(len(neurons), levels)[_places(neurons)]
        whole = placed[0] if stored["shared"] else placed.T.reshape(-1)
        arrays[f"{stored['population']}.{stored['parameter']}"] = whole
    return arrays


def read_tables(layout: dict[str, Any], text: str) -> dict[str, np.ndarray]:
    """Tables of the exit rule that the hardware follows: `gain` and, where it has one, `margin`.

    Args:
        layout: content of layout.json.
        text: lines `memory word`, as the testbench writes them.

    Raises:
        UltralifError: a memory is missing or holds unknown values.
    """
    memories, classes = _words(text), layout["exits"]["classes"]
    tables = {
        name: _fields(memories, f"exits_{name}", 1, bits, True).reshape(-1)
        for name, bits in layout["exits"]["bits"].items()
    }
    return tables | {"gain": tables["gain"].reshape(classes, -1)[:, :classes]}


def _words(text: str) -> dict[str, list[str]]:
    """Words of each memory."""
    memories: dict[str, list[str]] = {}
    for line in text.splitlines():
        name, _, word = line.partition(" ")
        memories.setdefault(name, []).append(word)
    return memories


def _places(neurons: np.ndarray) -> np.ndarray:
    """Address of each neuron."""
    places = np.zeros(int(neurons.max()) + 1, dtype=np.int64)
    places[neurons[neurons >= 0]] = np.flatnonzero(neurons >= 0)
    return places


def _fields(
    memories: dict[str, list[str]], name: str, count: int, bits: int, signed: bool
) -> np.ndarray:
    """Fields of every word, the lowest first, int64 [word, field]."""
    try:
        words = [int(word, 16) for word in memories[name]]
    except (KeyError, ValueError) as error:
        raise UltralifError(f"verilog: memory {name} cannot be read ({error})") from error
    size = -(-count * bits // 8)
    raw = np.frombuffer(b"".join(w.to_bytes(size, "little") for w in words), dtype=np.uint8)
    digits = np.unpackbits(raw.reshape(len(words), size), axis=1, bitorder="little")
    digits = digits[:, : count * bits].reshape(len(words), count, bits).astype(np.int64)
    values: np.ndarray = digits @ (np.int64(1) << np.arange(bits, dtype=np.int64))
    return values - (digits[..., -1] << bits) if signed else values


def _kernel(words: np.ndarray, stored: dict[str, Any], linear: Conv2d) -> np.ndarray:
    """Weights [output, channel of the group, row, column] of words [word, lane]."""
    channels, lanes, run = linear.input_shape[0], stored["lanes"], stored["run"]
    outer, inner = linear.weight.shape[0] // linear.groups, linear.weight.shape[1]
    grouped = words.reshape(channels, *linear.kernel, run * lanes)
    weight = np.zeros(linear.weight.shape, dtype=np.int64)
    for c, first in enumerate(stored["first"]):
        lowest = c // inner * outer
        begin = lowest - first * lanes
        weight[lowest : lowest + outer, c % inner] = grouped[
            c, :, :, begin : begin + outer
        ].transpose(2, 0, 1)
    return weight
