"""Models that price operations and every bit that is read or written."""

from ultralif_deploy.energy.counts import Events
from ultralif_deploy.energy.models.rows import Row, synapses, total


def yan2024(events: Events) -> list[Row]:
    """E = SOP·(e_acc + b_w·e_weight) + N·T·(e_cmp + 2·b_v·e_state) + spikes·e_sub.

    b_w are the bits of a weight; b_v those of a neuron's state, or of the accumulator of its
    synaptic sum where it has no memory, read and written once per timestep. Source: Z. Yan et al.,
    arXiv 2409.08290, in the form used by Spyx.
    """
    rows = synapses(events)
    rows += _weight_bits(events, "weight_bit")
    rows += _state_bits(events, "state_bit")
    for p in events.populations:
        rows.append(Row(p.name, "neuron", "compare", float(p.updates * events.samples)))
        if p.fires:
            rows.append(Row(p.name, "neuron", "subtract", total(p.spikes)))
    return rows


def step(events: Events) -> list[Row]:
    """E = AC·e_ac + MAC·e_mac + (SOP·b_w + 2·N·T·b_v)·e_bit, bits as in `yan2024` (STEP, 2025)."""
    return [
        *synapses(events),
        *_weight_bits(events, "memory_bit"),
        *_state_bits(events, "memory_bit"),
    ]


def _weight_bits(events: Events, constant: str) -> list[Row]:
    return [
        Row(p.name, "weight memory", constant, total(p.operations) * p.weight_bits)
        for p in events.projections
        if p.weights
    ]


def _state_bits(events: Events, constant: str) -> list[Row]:
    return [
        Row(
            p.name,
            "state memory",
            constant,
            2.0 * p.updates * events.samples * (p.state_bits or p.current_bits),
        )
        for p in events.populations
    ]
