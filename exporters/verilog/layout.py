"""Where neurons lie in hardware: lanes, groups and addresses.

A population has LANES lanes. A group holds one neuron in each lane, and the address of a neuron is
group · LANES + lane. The neurons of a convolution are grouped by position, so that the weights of
one kernel tap lie side by side: the channels of a position fill its groups, then the next position
follows. All other populations are one position.
"""

from dataclasses import dataclass

import numpy as np

from ultralif_deploy.errors import Refused, UltralifError
from ultralif_deploy.program.graph import INPUT, Conv2d
from ultralif_deploy.program.program import Program

PLAIN_LANES, LEAKY_LANES = 16, 4
"""Lanes that `auto` gives a population whose update multiplies nothing, and one that multiplies."""

MAX_LANES = 256
MAX_ADDRESS_BITS = 24
"""An event of the input has its address in so many bits of a word, and its value above them."""


def bits_for(numbers: int) -> int:
    """Bits of the numbers 0 … numbers − 1, at least one."""
    return max(1, (numbers - 1).bit_length())


def signed_bits(low: int, high: int) -> int:
    """Bits in two's complement that hold `low` and `high`, at least one."""
    return 1 + max((low if low >= 0 else -low - 1).bit_length(), max(high, -high - 1).bit_length())


@dataclass(frozen=True, slots=True)
class Layout:
    """Places of a population's neurons.

    Attributes:
        lanes: neurons of a group.
        channels: neurons of a position.
        positions: positions of an image; 1 for populations that no convolution drives.
    """

    lanes: int
    channels: int
    positions: int = 1

    @property
    def period(self) -> int:
        """Groups of a position."""
        return -(-self.channels // self.lanes)

    @property
    def groups(self) -> int:
        """Groups in all."""
        return self.period * self.positions

    @property
    def slots(self) -> int:
        """Addresses, those without a neuron among them."""
        return self.groups * self.lanes

    @property
    def tail(self) -> int:
        """Lanes in use in the last group of a position, as a mask."""
        return (1 << (self.channels - (self.period - 1) * self.lanes)) - 1

    def neurons(self) -> np.ndarray:
        """Neuron of each address, −1 for none, int64 [slot]."""
        places = np.full((self.positions, self.period * self.lanes), -1, dtype=np.int64)
        channel, position = np.arange(self.channels), np.arange(self.positions)
        places[:, : self.channels] = channel * self.positions + position[:, None]
        return places.reshape(-1)

    def placed(self, values: np.ndarray, axis: int = 0) -> np.ndarray:
        """Values [neuron, …] in the order of the addresses; 0 where there is no neuron."""
        neurons = self.neurons()
        found = np.take(values, np.maximum(neurons, 0), axis=axis)
        shape = [1] * found.ndim
        shape[axis] = -1
        return np.where((neurons >= 0).reshape(shape), found, 0)


def layouts(program: Program, lanes: int | None) -> dict[str, Layout]:
    """Layout of the input and of every population.

    Args:
        program: program to be written.
        lanes: lanes of every population, at most as many as it has neurons or, after a
            convolution, channels; None chooses `PLAIN_LANES` or `LEAKY_LANES`.

    Raises:
        UltralifError: `lanes` outside 1 to `MAX_LANES`.
        Refused: two convolutions of different shapes into one population, or too many neurons.
    """
    if lanes is not None and not 1 <= lanes <= MAX_LANES:
        raise UltralifError(f"verilog: {lanes} lanes; expected 1 to {MAX_LANES}, or auto")
    found = {INPUT: Layout(1, program.input.size)}
    for p in program.populations:
        shapes = {q.map.output_shape for q in program.incoming(p.name) if isinstance(q.map, Conv2d)}
        if len(shapes) > 1:
            raise Refused(
                f"verilog: {p.name}: convolutions of shapes {sorted(shapes)} lead to it; expected "
                "one shape; use the back end c, or a population for each"
            )
        channels, positions = p.size, 1
        if shapes:
            channels, rows, columns = shapes.pop()
            positions = rows * columns
        wanted = lanes or (LEAKY_LANES if p.neuron.MULTIPLIES else PLAIN_LANES)
        found[p.name] = Layout(min(wanted, channels), channels, positions)
    for name, layout in found.items():
        if bits_for(layout.slots) > MAX_ADDRESS_BITS:
            raise Refused(
                f"verilog: {name}: {layout.slots} addresses; expected at most "
                f"{1 << MAX_ADDRESS_BITS}; use the back end c"
            )
    if (slots := found[program.readout.name].slots) > 1 << 16:
        raise Refused(
            f"verilog: {program.readout.name}: {slots} addresses of classes; expected at most "
            f"{1 << 16}; use the back end c"
        )
    return found
