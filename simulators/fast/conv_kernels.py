"""Compiled loops over convolutions (Numba). All integers are exact.

`geometry` int64 [12] holds input channels, height, width; output channels, height, width; stride,
padding and dilation per axis. Neurons are numbered channel first.
"""

import numpy as np

from ultralif_deploy.simulators.native.compiled import jit


@jit
def add_events(signal, weight, geometry, current):  # type: ignore[no-untyped-def]
    """Event-driven convolution of whole numbers from 0 to 255.

    Args:
        signal: uint8 [T, B, source].
        weight: int8 [group, input channel, kernel row, kernel column, output channel].
        geometry: see above.
        current: int32 [T, B, target], added to.
    """
    time, batch, _ = signal.shape
    _, inner, tall, wide, outer = weight.shape
    channels, height, width, out, rows, columns = geometry[:6]
    down, right, top, left, tap_down, tap_right = geometry[6:]
    # The channel is the last axis while adding, so that one tap adds adjacent values.
    sums = np.empty((rows * columns, out), dtype=np.int32)
    for t in range(time):
        for b in range(batch):
            values = signal[t, b].reshape(channels, height, width)
            sums[:] = 0
            for c in range(channels):
                first = c // inner * outer
                taps = weight[c // inner, c % inner]
                for y in range(height):
                    for x in range(width):
                        value = np.int32(values[c, y, x])
                        if value == 0:
                            continue
                        for a in range(tall):
                            i, off = divmod(y + top - a * tap_down, down)
                            if off != 0 or i < 0 or i >= rows:
                                continue
                            for k in range(wide):
                                j, off = divmod(x + left - k * tap_right, right)
                                if off != 0 or j < 0 or j >= columns:
                                    continue
                                place, row = i * columns + j, taps[a, k]
                                for o in range(outer):
                                    sums[place, first + o] += value * np.int32(row[o])
            for o in range(out):
                for place in range(rows * columns):
                    current[t, b, o * rows * columns + place] += sums[place, o]


@jit
def gather(signal, geometry, kernel, patches):  # type: ignore[no-untyped-def]
    """Copy inputs [row, source] to [row, position, weight]: what each output position reads.

    `patches` must be filled with zeros. They remain where the kernel reaches over the border.

    Args:
        signal: uint8 [row, source]; a row is one timestep of one sample.
        geometry: see above.
        kernel: rows and columns of the kernel, a pair.
        patches: uint8 [row, position, weight]; weights by channel, kernel row, kernel column.
    """
    channels, height, width = geometry[:3]
    rows, columns = geometry[4:6]
    down, right, top, left, tap_down, tap_right = geometry[6:]
    tall, wide = kernel
    for n in range(len(signal)):
        values = signal[n].reshape(channels, height, width)
        for i in range(rows):
            for j in range(columns):
                patch = patches[n, i * columns + j]
                for c in range(channels):
                    for a in range(tall):
                        y = i * down + a * tap_down - top
                        if y < 0 or y >= height:
                            continue
                        for k in range(wide):
                            x = j * right + k * tap_right - left
                            if 0 <= x < width:
                                patch[(c * tall + a) * wide + k] = values[c, y, x]


@jit
def channels_first(found, current):  # type: ignore[no-untyped-def]
    """Copy int32 [row, position, channel] to [row, channel, position]."""
    for n in range(found.shape[0]):
        for place in range(found.shape[1]):
            for o in range(found.shape[2]):
                current[n, o, place] = found[n, place, o]
