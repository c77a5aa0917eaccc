"""Energy models: equations over counted events; constants come from a device's file.

A model turns events into rows: where something happened, why it costs, which constant prices it and
how often. Every model is linear in its constants, so ranges and sensitivities follow from the rows.
"""

from collections.abc import Callable
from dataclasses import dataclass

from ultralif_deploy.energy.counts import Events
from ultralif_deploy.energy.models.lemaire import lemaire2022
from ultralif_deploy.energy.models.loihi import loihi, sana_fe
from ultralif_deploy.energy.models.operations import operations, paper_proxy, platform, synaptic
from ultralif_deploy.energy.models.rows import Row
from ultralif_deploy.energy.models.words import step, yan2024


@dataclass(frozen=True, slots=True)
class Model:
    """An equation.

    Attributes:
        rows: function that gives the priced rows of a run's events.
        constants: names that a device may give; those that it lacks count as not published.
        equation: the equation as people read it.
        source: source of the equation.
        chip: chip whose placed run the equation counts on, or None.
    """

    rows: Callable[[Events], list[Row]]
    constants: tuple[str, ...]
    equation: str
    source: str
    chip: str | None = None


ENERGY_MODELS = {
    "operations": Model(
        operations,
        ("accumulate", "multiply_accumulate", "compare", "leak"),
        "E = AC·e_accumulate + MAC·e_mac + N·T·e_compare + N_leaky·T·e_leak",
        "counted operations; costs after M. Horowitz, ISSCC 2014",
    ),
    "synaptic": Model(
        synaptic,
        ("synaptic_operation", "multiply_accumulate"),
        "E = SOP·e_synop",
        "one average per synaptic operation, as chips are usually compared",
    ),
    "platform": Model(
        platform,
        ("synaptic_operation", "multiply_accumulate", "neuron_update"),
        "E = SOP·e_synop + N·T·e_update",
        "KerasSpiking, ModelEnergy",
    ),
    "paper-proxy": Model(
        paper_proxy,
        ("accumulate",),
        "E = T·s̄·N_syn·e_add, s̄ the unweighted mean of the hidden rates",
        "UltraLIF, arXiv 2602.11206",
    ),
    "loihi": Model(
        loihi,
        (
            *("synaptic_operation", "multiply_accumulate", "update_active", "update_inactive"),
            *("message", "hop_east_west", "hop_north_south", "static_power"),
        ),
        "E = SOP·e_synop + U_active·e_active + U_inactive·e_inactive + messages·e_message + "
        "hops·e_hop; idle: P_static·time·chips",
        "M. Davies et al., Loihi, IEEE Micro 38(1), 2018, table 2",
        "loihi1",
    ),
    "sana-fe": Model(
        sana_fe,
        (
            *("synaptic_operation", "multiply_accumulate", "access", "update", "spike"),
            *("message", "hop_east_west", "hop_north_south"),
        ),
        "E = SOP·e_synop + accesses·e_access + updates·e_update + spikes·e_spike + "
        "messages·e_message + hops·e_hop",
        "SANA-FE 2.2.9, arch/loihi.yaml and its kernel",
        "loihi1",
    ),
    "lemaire2022": Model(
        lemaire2022,
        ("accumulate", "multiply_accumulate", "sram_8k", "sram_32k", "sram_1m"),
        "E = operations + memory(weights, biases, potentials, inputs, outputs) + addressing",
        "E. Lemaire et al., An analytical estimation of spiking neural networks energy "
        "efficiency, ICONIP 2022",
    ),
    "yan2024": Model(
        yan2024,
        ("accumulate", "multiply_accumulate", "compare", "subtract", "weight_bit", "state_bit"),
        "E = SOP·(e_accumulate + b_w·e_weight) + N·T·(e_compare + 2·b_v·e_state) + "
        "spikes·e_subtract",
        "Z. Yan et al., arXiv 2409.08290, in the form used by Spyx",
    ),
    "step": Model(
        step,
        ("accumulate", "multiply_accumulate", "memory_bit"),
        "E = AC·e_ac + MAC·e_mac + (SOP·b_w + 2·N·T·b_v)·e_bit",
        "STEP (spike sparsity, bit width, memory access), 2025",
    ),
}
"""Every model by the name that device files use."""
