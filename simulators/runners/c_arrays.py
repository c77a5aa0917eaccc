"""Constant arrays of exported C: what the source declares, and the weights in them."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ultralif_deploy.io.artefacts import C_SOURCE
from ultralif_deploy.program.graph import WEIGHTED, Conv2d, Dense
from ultralif_deploy.program.program import Program

ARRAY_DECLARATION = re.compile(
    r"^extern ULTRALIF_CONST (u?int\d+)_t ultralif_(\w+?)((?:\[\d+\])+);$", re.M
)


def declared(directory: Path) -> dict[str, tuple[np.dtype[Any], tuple[int, ...]]]:
    """Type and shape of every constant array that the source declares, by name."""
    found = ARRAY_DECLARATION.findall((directory / C_SOURCE).read_text("utf-8"))
    return {
        name: (np.dtype(kind), tuple(map(int, re.findall(r"\d+", shape))))
        for kind, name, shape in found
    }


def executed(program: Program, read: Callable[[str], np.ndarray]) -> dict[str, np.ndarray]:
    """Weights, biases and parameters of a program, unpacked from compiled arrays.

    Args:
        program: program that was compiled.
        read: gives a compiled array, int64, by its name without the prefix.
    """
    arrays = {}
    for i, p in enumerate(program.projections):
        if isinstance(p.map, WEIGHTED):
            packed = read(f"w{i}")
            arrays[p.name] = _weights(packed, p.map, program.formats[p.target].stored_bits)
    for i, population in enumerate(program.populations):
        for name in ("bias", *population.parameters()):
            arrays[f"{population.name}.{name}"] = read(f"p{i}_{name}")
    return arrays


def _weights(stored: np.ndarray, linear: Dense | Conv2d, bits: int) -> np.ndarray:
    """Weights in the program's order."""
    if isinstance(linear, Dense):
        rows, targets = linear.source_size, linear.target_size
    else:
        targets = linear.weight.shape[0] // linear.groups
        rows = linear.input_shape[0] * linear.kernel[0] * linear.kernel[1]
    packed = stored.reshape(rows, -(-targets * bits // 8))
    unpacked = np.unpackbits(packed.astype(np.uint8), axis=1, bitorder="little")
    digits = unpacked[:, : targets * bits].reshape(rows, targets, bits).astype(np.int64)
    # Packed weights are larger by 2^(bits - 1); weights of 8 bits are stored as they are.
    first = digits[..., -1] << bits if bits == 8 else 1 << (bits - 1)
    weight: np.ndarray = digits @ (1 << np.arange(bits)) - first
    if isinstance(linear, Dense):
        return weight.T
    inner = linear.weight.shape[1]
    grouped = weight.reshape(linear.groups, inner, *linear.kernel, targets)
    return grouped.transpose(0, 4, 1, 2, 3).reshape(linear.weight.shape)
