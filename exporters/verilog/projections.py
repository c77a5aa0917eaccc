"""The projections of a program as address generators with their memories."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ultralif_deploy.exporters.verilog.layout import Layout, bits_for
from ultralif_deploy.exporters.verilog.words import words
from ultralif_deploy.program.graph import Conv2d, Dense, Identity, Projection


@dataclass(frozen=True, slots=True)
class Unit:
    """An address generator.

    Attributes:
        kind: its module without the prefix.
        parameters: parameters of the module, beside those of both ends.
        files: memories by file name.
        stored: what a reader of the weights' memory must know; None where there are no weights.
        words: words of the weights' memory, and their bits.
    """

    kind: str
    parameters: dict[str, Any]
    files: dict[str, str]
    stored: dict[str, Any] | None
    words: tuple[int, int]


def unit_of(projection: Projection, name: str, ends: tuple[Layout, Layout], bits: int) -> Unit:
    """The address generator of a projection.

    Args:
        projection: projection of a program.
        name: name in the hardware.
        ends: layouts of source and target.
        bits: bits of a stored weight.
    """
    linear = projection.map
    if isinstance(linear, Dense):
        return _dense(linear, name, ends, bits)
    if isinstance(linear, Conv2d):
        return _convolution(linear, name, ends, bits)
    assert isinstance(linear, Identity)
    return _identity(name, ends, bits)


def _dense(linear: Dense, name: str, ends: tuple[Layout, Layout], bits: int) -> Unit:
    source, target = ends
    placed = source.placed(target.placed(linear.weight), axis=1)  # [target slot, source slot]
    rows = placed.T.reshape(source.slots * target.groups, target.lanes)
    file = f"{name}.mem"
    parameters = {
        "WIDTH": bits * target.lanes,
        "GROUPS": target.groups,
        "APART": target.groups % (1 << bits_for(len(rows))),
        "DEPTH": len(rows),
        "WORD": bits_for(len(rows)),
        "FILE": f'"{file}"',
    }
    stored = {"kind": "dense", "lanes": target.lanes, "groups": target.groups, "bits": bits}
    return Unit(
        "dense", parameters, {file: words((rows, bits))}, stored, (len(rows), bits * target.lanes)
    )


def _identity(name: str, ends: tuple[Layout, Layout], bits: int) -> Unit:
    source, target = ends
    neurons = target.neurons()
    slot = np.zeros(target.channels * target.positions, dtype=np.int64)
    slot[neurons[neurons >= 0]] = np.flatnonzero(neurons >= 0)
    reached = source.placed(slot)
    group, lane = np.divmod(reached, target.lanes)
    sizes = bits_for(target.groups), bits_for(target.lanes)
    file = f"{name}.mem"
    parameters = {
        "LANES": target.lanes,
        "BITS": bits,
        "LANE": sizes[1],
        "DEPTH": source.slots,
        "FILE": f'"{file}"',
    }
    text = words((lane, sizes[1]), (group, sizes[0]))
    return Unit("identity", parameters, {file: text}, None, (0, 0))


def _convolution(linear: Conv2d, name: str, ends: tuple[Layout, Layout], bits: int) -> Unit:
    source, target = ends
    _, height, width = linear.input_shape
    _, rows, columns = linear.output_shape
    tall, wide = linear.kernel
    outer, inner = linear.weight.shape[0] // linear.groups, linear.weight.shape[1]
    channel = np.arange(linear.input_shape[0])
    lowest = channel // inner * outer  # the first output channel that a source channel reaches
    first = lowest // target.lanes
    run = int(((lowest + outer - 1) // target.lanes - first).max()) + 1
    first = np.minimum(first, target.period - run)

    # Weights [channel, tap row, tap column, group of the run, lane].
    weight = np.zeros((len(channel), tall, wide, target.period * target.lanes), dtype=np.int64)
    for c in channel:
        reached = slice(lowest[c], lowest[c] + outer)
        weight[c, :, :, reached] = linear.weight[reached, c % inner].transpose(1, 2, 0)
    grouped = weight.reshape(len(channel), tall, wide, target.period, target.lanes)
    chosen = (first[:, None] + np.arange(run))[:, None, None, :, None]
    grouped = np.take_along_axis(grouped, chosen, axis=3)
    depth = grouped[..., 0].size

    row_starts, row_table = _taps(linear, 0, (height, rows), wide * run, columns * target.period)
    column_starts, column_table = _taps(linear, 1, (width, columns), run, target.period)
    word, group = bits_for(depth), bits_for(target.groups)
    sizes = {
        "CHANNEL": bits_for(len(channel)),
        "ROW": bits_for(len(row_table)),
        "COLUMN": bits_for(len(column_table)),
    }
    neuron = np.maximum(source.neurons(), 0)
    at, y, x = neuron // (height * width), neuron // width % height, neuron % width
    files = {
        f"{name}.mem": words((grouped.reshape(depth, target.lanes), bits)),
        f"{name}_sources.mem": words(
            (column_starts[x], sizes["COLUMN"]),
            (row_starts[y], sizes["ROW"]),
            (at, sizes["CHANNEL"]),
        ),
        f"{name}_channels.mem": words((first, group), (channel * tall * wide * run, word)),
    }
    for axis, table in (("rows", row_table), ("columns", column_table)):
        entries = ((table[:, k], size) for k, size in enumerate((group, word, 1, 1)))
        files[f"{name}_{axis}.mem"] = words(*entries)
    parameters = {
        "WIDTH": bits * target.lanes,
        "SOURCES": source.slots,
        "CHANNELS": len(channel),
        **sizes,
        "ROWS": len(row_table),
        "COLUMNS": len(column_table),
        "RUN": run,
        "RUN_BITS": bits_for(run),
        "DEPTH": depth,
        "WORD": word,
        "FILE": f'"{name}.mem"',
        "SOURCE_FILE": f'"{name}_sources.mem"',
        "CHANNEL_FILE": f'"{name}_channels.mem"',
        "ROW_FILE": f'"{name}_rows.mem"',
        "COLUMN_FILE": f'"{name}_columns.mem"',
    }
    stored = {
        "kind": "conv",
        "lanes": target.lanes,
        "run": run,
        "first": first.tolist(),
        "bits": bits,
    }
    return Unit("conv", parameters, files, stored, (depth, bits * target.lanes))


def _taps(
    linear: Conv2d, axis: int, lengths: tuple[int, int], apart: int, step: int
) -> tuple[np.ndarray, np.ndarray]:
    """Where the entries of each source row (or column) begin, and all entries.

    An entry is (what it adds to the group, to the word's address, last one, none at all).

    Args:
        linear: the convolution.
        axis: 0 for rows, 1 for columns.
        lengths: source rows and target rows.
        apart: words between two kernel taps.
        step: groups between two target rows.
    """
    starts: list[int] = []
    entries: list[list[int]] = []
    for position in range(lengths[0]):
        starts.append(len(entries))
        found = []
        for tap in range(linear.kernel[axis]):
            moved = position + linear.padding[axis] - tap * linear.dilation[axis]
            target, rest = divmod(moved, linear.stride[axis])
            if rest == 0 and 0 <= target < lengths[1]:
                found.append([target * step, tap * apart, 0, 0])
        found = found or [[0, 0, 0, 1]]
        found[-1][2] = 1
        entries += found
    return np.array(starts), np.array(entries)
