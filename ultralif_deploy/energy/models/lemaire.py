"""Operations, memory accesses and addressing of a spiking layer, after Lemaire et al. 2022."""

import math

from ultralif_deploy.energy.counts import Events, PopulationEvents, ProjectionEvents
from ultralif_deploy.energy.models.rows import Row, total
from ultralif_deploy.program.graph import Conv2d

SIZES = {"sram_8k": 8 << 13, "sram_32k": 32 << 13, "sram_1m": 1 << 23}
"""Bits of the memories whose cost is published, one access of 64 bits each."""

WORD = 64


def lemaire2022(events: Events) -> list[Row]:
    """E = operations + memory + addressing, layer by layer; θ are spikes of all timesteps.

    - Operations: θ_in·⌈H_k/S⌉·⌈W_k/S⌉·C_out (dense: θ_in·N_out) + T·N_out + θ_out accumulates, and
      T·N_out multiply-accumulates where membranes leak; graded inputs multiply.
    - Memory: reads of weights θ_in·C_out·H_k·W_k (dense: θ_in·N_out), of biases T·N_out, of inputs
      θ_in; potentials are read and written as often as weights are read and T·N_out times more;
      θ_out outputs are written.
    - Addressing: a convolution 2·θ_in multiply-accumulates and θ_in·C_out·H_k·W_k accumulates;
      dense θ_in·N_out accumulates.

    An access costs what its memory's size does, linear between the published sizes and constant
    outside, in proportion to the bits of 64 that it takes. Fan-outs are the authors', which ignore
    borders and count weights that are 0. Source: E. Lemaire et al., ICONIP 2022.
    """
    by_name = {p.name: p for p in events.populations}
    rows: list[Row] = []
    driven = set()
    for projection in events.projections:
        first = projection.target not in driven
        driven.add(projection.target)
        rows += _layer(events, projection, by_name[projection.target], first)
    return rows


def _layer(
    events: Events, projection: ProjectionEvents, target: PopulationEvents, first: bool
) -> list[Row]:
    """One projection; with the first of a target, what its neurons do as well."""
    spikes = total(projection.spikes)
    linear = projection.map
    if isinstance(linear, Conv2d):
        out, _, height, width = linear.weight.shape
        adds = spikes * math.ceil(height / linear.stride[0]) * math.ceil(width / linear.stride[1])
        adds, reads, multiplies = adds * out, spikes * out * height * width, 2 * spikes
    else:
        adds = reads = total(projection.stored)
        multiplies = 0.0
    updates = float(target.updates * events.samples) if first else 0.0
    fired = total(target.spikes) if first else 0.0
    kind = "multiply_accumulate" if projection.multiplies else "accumulate"
    name = projection.name
    word = target.state_bits or target.current_bits
    weights = reads if projection.weights else 0.0
    potentials = 2 * (reads + updates)
    return [
        Row(name, "compute", kind, adds),
        Row(target.name, "neuron", "accumulate", updates + fired),
        Row(target.name, "neuron", "multiply_accumulate", updates if target.leaks else 0.0),
        Row(name, "addressing", "multiply_accumulate", multiplies),
        Row(name, "addressing", "accumulate", reads),
        *_memory(
            name,
            "weight memory",
            weights,
            projection.weight_bits,
            projection.weights * projection.weight_bits,
        ),
        *_memory(
            target.name,
            "weight memory",
            updates if target.biased else 0.0,
            target.current_bits,
            target.neurons * target.current_bits,
        ),
        *_memory(target.name, "state memory", potentials, word, target.neurons * word),
        *_memory(name, "state memory", spikes, 1, linear.source_size),
        *_memory(target.name, "state memory", fired, 1, target.neurons),
    ]


def _memory(place: str, cause: str, accesses: float, bits: int, size: int) -> list[Row]:
    """Accesses to a memory of `size` bits, `bits` of a word each."""
    words = accesses * bits / WORD
    names, sizes = list(SIZES), list(SIZES.values())
    if size <= sizes[0] or size >= sizes[-1]:
        return [Row(place, cause, names[0] if size <= sizes[0] else names[-1], words)]
    upper = next(i for i, limit in enumerate(sizes) if size < limit)
    share = (size - sizes[upper - 1]) / (sizes[upper] - sizes[upper - 1])
    return [
        Row(place, cause, names[upper - 1], words * (1 - share)),
        Row(place, cause, names[upper], words * share),
    ]
