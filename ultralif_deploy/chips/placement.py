"""Placement of a program's neurons on the cores of a chip, and the contents of each core.

A population is split into equal runs of neurons, one per core, on as few cores as the limits allow.
The neurons of a convolution stand in the order of their numbers, channel by channel, or position by
position with all channels, as the blocks of nengo-loihi's `BlockShape`. A core then hears a part of
the image alone. The order that takes fewer cores is used, and of two such, the one with fewer
messages; `mesh` says where each core sits. Synapses are on the core of their target. An input axon
is a source that reaches a core.
Its n synapses take 64·⌈(10 + n·(weight + delay + index bits)) / 64⌉ bits (nengo-loihi's
`SynapseConfig.bits_per_axon`, with one header of 10 bits). Convolutions are stored synapse by
synapse. Every projection takes one timestep, so a population at depth d of the pipeline acts d
timesteps late. Skip projections get a synaptic delay that compensates for this.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from scipy import sparse

from ultralif_deploy.chips import Chip
from ultralif_deploy.chips.mesh import arranged
from ultralif_deploy.chips.sparse_rows import sparse_rows
from ultralif_deploy.errors import Refused
from ultralif_deploy.program.graph import INPUT, Conv2d
from ultralif_deploy.program.program import Population, Program
from ultralif_deploy.schema import back_ends as schema

ORDERS = ("number", "position")
"""Orders of an image's neurons: channel by channel, or position by position."""

WORD, HEADER, DELAY_BITS = 64, 10, 6

MOST_SYNAPSES = 40_000_000
"""Most synapses that the simulator can hold in memory."""


@dataclass(frozen=True, slots=True)
class Placed:
    """One population on its cores.

    Attributes:
        depth: timesteps that it acts late.
        first_core: its cores are consecutive, counted over all populations.
        core: per neuron the core, counted from `first_core`, int64 [neuron]; not in order where
            positions of an image are kept together.
        synapse_bits, state_bits, input_axons, output_axons: per core, int64 [core].
    """

    depth: int
    first_core: int
    core: np.ndarray
    synapse_bits: np.ndarray
    state_bits: np.ndarray
    input_axons: np.ndarray
    output_axons: np.ndarray

    @property
    def cores(self) -> int:
        """How many cores."""
        return len(self.synapse_bits)


@dataclass(frozen=True, slots=True)
class Placement:
    """A whole program on a chip.

    Attributes:
        chip: chip whose limits hold.
        populations: placement of the populations by name, in order.
        delays: synaptic delay of every projection, in timesteps.
        synapses: per projection the weights, int32 CSR [source, target].
        numbers: per core its number on the chips, as `mesh` counts them, int64 [core].
    """

    chip: Chip
    populations: dict[str, Placed]
    delays: dict[str, int]
    synapses: dict[str, sparse.csr_array]
    numbers: np.ndarray

    @property
    def cores(self) -> int:
        """Cores in all."""
        return sum(p.cores for p in self.populations.values())

    @property
    def messages(self) -> int:
        """Messages in all, if the inputs and all neurons sent one spike each."""
        return sum(int(p.input_axons.sum()) for p in self.populations.values())

    @property
    def chips(self) -> int:
        """Chips in all."""
        return -(-self.cores // self.chip.need("cores"))

    def numbers_of(self, name: str) -> np.ndarray:
        """Numbers of the cores of a population, int64 [core]."""
        placed = self.populations[name]
        return self.numbers[placed.first_core : placed.first_core + placed.cores]

    def as_dict(self) -> schema.Placement:
        """For the report; per population the figures are those of its fullest core."""
        memory = self.chip.need("synapse_bits")
        rows: dict[str, schema.PlacedPopulation] = {
            name: {
                "cores": p.cores,
                "core_numbers": sorted(self.numbers_of(name).tolist()),
                "neurons_per_core": int(np.bincount(p.core).max()),
                "memory_bits": int((p.synapse_bits + p.state_bits).max()),
                "memory_share": float((p.synapse_bits + p.state_bits).max() / memory),
                "input_axons": int(p.input_axons.max()),
                "output_axons": int(p.output_axons.max()),
                "depth": p.depth,
            }
            for name, p in self.populations.items()
        }
        return {
            "chip": self.chip.name,
            "chips": self.chips,
            "cores_per_chip": self.chip.need("cores"),
            "cores": self.cores,
            "worst_core": max(rows, key=lambda name: rows[name]["memory_share"]),
            "populations": rows,
            "delays": {name: delay for name, delay in self.delays.items() if delay},
        }


def place(program: Program, chip: Chip, orders: Sequence[str] = ORDERS) -> Placement:
    """Place a program.

    Args:
        program: the program.
        chip: chip whose limits hold.
        orders: keys of `ORDERS` that are tried.

    Raises:
        Refused: it does not fit; the message says what, the limit, the need and the way out.
    """
    depths = pipeline_depths(program, chip)
    delays = pipeline_delays(program, depths, chip)
    synapses = _synapses(program, chip)
    if not any(isinstance(p.map, Conv2d) for p in program.projections):
        orders = orders[:1]  # they differ in images alone
    made = _smallest(
        [partial(_placed, program, chip, depths, delays, synapses, order) for order in orders]
    )
    if made.chips > chip.need("chips"):
        raise Refused(
            f"{chip.name}: needs {made.cores} cores; {chip.need('chips')} chips have "
            f"{chip.need('chips') * chip.need('cores')}; use fewer bits or smaller populations"
        )
    return replace(made, numbers=arranged(chip, _traffic(program, made)))


def _traffic(program: Program, placement: Placement) -> sparse.csr_array:
    """Messages from core to core if all neurons sent one spike each, int64 CSR [core, core].

    Those of the input are not among them, because they enter at the edge, without hops.
    """
    cores = placement.cores
    total = sparse.csr_array((cores, cores), dtype=np.int64)
    for p in program.projections:
        if p.source != INPUT:
            here, there = placement.populations[p.source], placement.populations[p.target]
            reached = fan_out_by_core(placement.synapses[p.name], there.core, there.cores)
            source, target = np.nonzero(reached)
            where = (here.first_core + here.core[source], there.first_core + target)
            total = total + sparse.csr_array((np.ones_like(source), where), shape=total.shape)
    return total


def _smallest(ways: list[Callable[[], Placement]]) -> Placement:
    """The placement on the fewest cores, and of several such the one with the fewest messages.

    Raises:
        Refused: no way fits; the first one's reason.
    """
    made: list[Placement] = []
    refusals: list[Refused] = []
    for way in ways:
        try:
            made.append(way())
        except Refused as refusal:
            refusals.append(refusal)
    if not made:
        raise refusals[0]
    return min(made, key=lambda one: (one.cores, one.messages))


def _placed(
    program: Program,
    chip: Chip,
    depths: dict[str, int],
    delays: dict[str, int],
    synapses: dict[str, sparse.csr_array],
    order: str,
) -> Placement:
    """A program placed in one order of its neurons.

    Args:
        program: the program.
        chip: chip whose limits hold.
        depths: timesteps that populations act late.
        delays: synaptic delays of the projections.
        synapses: weights of the projections.
        order: one of `ORDERS`.
    """
    cutter = _Cutter(program, chip, delays, synapses, order)
    cuts = cutter.cut()
    placed, first = {}, 0
    for name, cut in cuts.items():
        placed[name] = Placed(depths[name], first, *cut)
        first += cutter.cores[name]
    return Placement(chip, placed, delays, synapses, np.arange(first))


def refuse_wide_inputs(program: Program, chip: Chip) -> None:
    """Check that the chip's spikes can carry the inputs.

    Raises:
        Refused: they cannot.
    """
    if program.input.maximum > chip.need("input_maximum"):
        raise Refused(
            f"{chip.name}: inputs up to {program.input.maximum}; spikes carry at most "
            f"{chip.need('input_maximum')}; encode by rate"
        )


def pipeline_depths(program: Program, chip: Chip) -> dict[str, int]:
    """Timesteps that every population acts after the input; the input's is 0.

    Raises:
        Refused: spikes must come back sooner than the pipeline lets them.
    """
    depths = {INPUT: 0} | {p.name: 1 for p in program.populations}
    for _ in depths:
        changed = False
        for p in program.projections:
            least = depths[p.source] + (0 if p.name in program.delayed else 1)
            if depths[p.target] < least:
                depths[p.target], changed = least, True
        if not changed:
            return depths
    name = next(p.name for p in program.projections if p.name in program.delayed)
    raise Refused(
        f"{chip.name}: {name}: spikes must come back after one timestep, but every projection on "
        "the way takes one; only a projection from a population to itself is fast enough"
    )


def pipeline_delays(program: Program, depths: dict[str, int], chip: Chip) -> dict[str, int]:
    """Synaptic delay of every projection, so that all that a population receives is aligned.

    Args:
        program: any.
        depths: timesteps that the input and every population act late, by name.
        chip: chip whose longest delay holds.

    Raises:
        Refused: a delay beyond the chip's longest.
    """
    delays = {}
    for p in program.projections:
        late = 0 if p.name in program.delayed else 1
        delays[p.name] = depths[p.target] - depths[p.source] - late
        if delays[p.name] > chip.need("delay"):
            raise Refused(
                f"{chip.name}: {p.name}: needs a delay of {delays[p.name]} timesteps; limit "
                f"{chip.need('delay')}; use fewer layers between its ends"
            )
    return delays


def _synapses(program: Program, chip: Chip) -> dict[str, sparse.csr_array]:
    counts = {p.name: int(p.map.fan_out().sum()) for p in program.projections}
    least = min(numbers.stored_bits for numbers in program.formats.values())
    available = chip.need("chips") * chip.need("cores") * chip.need("synapse_bits")
    if sum(counts.values()) * least > available or sum(counts.values()) > MOST_SYNAPSES:
        worst = max(counts, key=lambda name: counts[name])
        most = min(available // least, MOST_SYNAPSES)
        raise Refused(
            f"{chip.name}: {sum(counts.values())} synapses, most of them in {worst}; at most "
            f"{most} fit; use a smaller network, or fewer bits if it is a little too large"
        )
    return {p.name: sparse_rows(p.map) for p in program.projections}


Cut = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""The arrays of a `Placed`, in its order."""


class _Cutter:
    """Cuts populations into the fewest cores that keep every limit."""

    def __init__(
        self,
        program: Program,
        chip: Chip,
        delays: dict[str, int],
        synapses: dict[str, sparse.csr_array],
        order: str,
    ) -> None:
        self.program, self.chip, self.delays, self.synapses = program, chip, delays, synapses
        neurons = chip.need("neurons")
        self.cores = {p.name: -(-p.size // neurons) for p in program.populations}
        self.places = {
            p.name: _places(program, p) if order == "position" else np.arange(p.size)
            for p in program.populations
        }

    def cut(self) -> dict[str, Cut]:
        """All populations; more cores of a target mean more output axons of its sources."""
        cuts: dict[str, Cut] = {}
        settled = False
        while not settled:
            settled = True
            for population in reversed(self.program.populations):
                cuts[population.name] = self._measured(population)
                while (exceeded := self._exceeded(cuts[population.name])) is not None:
                    settled = False
                    self._add_cores(population, *exceeded)
                    cuts[population.name] = self._measured(population)
        return {p.name: cuts[p.name] for p in self.program.populations}

    def _add_cores(self, population: Population, what: str, need: int, limit: int) -> None:
        cores = self.cores[population.name]
        if cores == population.size:
            raise Refused(
                f"{self.chip.name}: {population.name}: one neuron alone needs {need} {what} of a "
                f"core; limit {limit}; use fewer bits, fewer inputs per neuron or fewer targets"
            )
        # Half of the proportional step, so that no more cores than needed are used.
        self.cores[population.name] = min(
            population.size, max(cores + 1, cores * need // (2 * limit))
        )

    def _core(self, name: str) -> np.ndarray:
        """Core of every neuron, equal runs of their order."""
        places = self.places[name]
        return places * self.cores[name] // len(places)

    def _measured(self, population: Population) -> Cut:
        core, cores = self._core(population.name), self.cores[population.name]
        per_core = np.bincount(core, minlength=cores)
        index_bits = max(1, math.ceil(math.log2(max(2, int(per_core.max())))))
        weight_bits = self.program.formats[population.name].stored_bits
        bits, axons = np.zeros(cores, dtype=np.int64), np.zeros(cores, dtype=np.int64)
        for p in self.program.incoming(population.name):
            reached = fan_out_by_core(self.synapses[p.name], core, cores)
            each = weight_bits + index_bits + (DELAY_BITS if self.delays[p.name] else 0)
            bits += (-(-(HEADER + reached * each) // WORD) * WORD * (reached > 0)).sum(axis=0)
            axons += (reached > 0).sum(axis=0)
        outgoing = np.zeros(cores, dtype=np.int64)
        for p in self.program.projections:
            if p.source == population.name:
                there = self._core(p.target)
                reached = fan_out_by_core(self.synapses[p.name], there, self.cores[p.target])
                outgoing += np.bincount(core, (reached > 0).sum(axis=1), cores).astype(np.int64)
        state = per_core * population.words * (self.chip.limit("state_bits") or 0)
        return core, bits, state, axons, outgoing

    def _exceeded(self, made: Cut) -> tuple[str, int, int] | None:
        """The first limit that the fullest core breaks: what, need, limit."""
        core, bits, state, axons, outgoing = made
        needs = {
            "neurons": ("neurons", np.bincount(core)),
            "synapse_bits": ("bits of memory", bits + state),
            "input_axons": ("input axons", axons),
            "output_axons": ("output axons", outgoing),
        }
        for name, (what, per_core) in needs.items():
            limit, need = self.chip.limit(name), int(per_core.max())
            if limit is not None and need > limit:
                return what, need, limit
        return None


def _places(program: Program, population: Population) -> np.ndarray:
    """Place of every neuron in the order position by position, int64 [neuron].

    Populations that are no images keep the order of their numbers.
    """
    shapes = {
        p.map.output_shape for p in program.incoming(population.name) if isinstance(p.map, Conv2d)
    }
    if len(shapes) != 1:
        return np.arange(population.size)
    ((channels, height, width),) = shapes
    return np.arange(population.size).reshape(height * width, channels).T.reshape(-1)


def fan_out_by_core(synapses: sparse.csr_array, core: np.ndarray, cores: int) -> np.ndarray:
    """Synapses of every source in every core, int64 [source, core].

    Args:
        synapses: CSR [source, target]; each stored value is a synapse.
        core: core of every target, int64 [target], from 0.
        cores: number of cores.
    """
    ones = np.ones(synapses.nnz, dtype=np.int64)
    present = sparse.csr_array((ones, synapses.indices, synapses.indptr), shape=synapses.shape)
    member = sparse.csr_array(
        (np.ones(len(core), dtype=np.int64), core, np.arange(len(core) + 1)),
        shape=(len(core), cores),
    )
    return (present @ member).toarray()
