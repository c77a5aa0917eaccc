"""Energy of the same architecture without spikes, and published break-even points."""

import math
from dataclasses import dataclass

from ultralif_deploy.energy.counts import Events
from ultralif_deploy.energy.devices import Device
from ultralif_deploy.energy.models.rows import total
from ultralif_deploy.schema.energy import BreakEven, BreakEvenReference, Measures


@dataclass(frozen=True, slots=True)
class Baseline:
    """A network of activations with the same layers, in one pass.

    Attributes:
        name: short name.
        description: description in words.
        operations: multiply-accumulates of one inference (accumulates at 1-bit activations).
        activation_bits: bits of one activation.
        total_j: energy of one inference in joules; None where a constant is not published.
    """

    name: str
    description: str
    operations: float
    activation_bits: int
    total_j: float | None


def baselines(events: Events, arithmetic: Device, memory: Device) -> list[Baseline]:
    """Networks of activations: dense or skipping zeros, of 8 bits or as many as T spikes carry.

    E = MAC·(e_mac + b_w·e_weight) + N·(e_compare + 2·b_a·e_state): every layer runs once. Dense
    networks meet all weights, borders exact. Skipping zeros meets the weights that are not 0 of
    the sources that are not 0; an activation is taken as 0 where the neuron sent no spike in all T
    timesteps, which was counted on the same samples. ⌈log2(T + 1)⌉ bits hold a spike count of T
    (Z. Yan et al., arXiv 2409.08290); at 1 bit a multiplication is an addition, and otherwise its
    figure for 8 bits stands, so that narrow multiplications are priced too high.

    Args:
        events: counted.
        arithmetic: device that gives `accumulate`, `multiply_accumulate` and `compare`.
        memory: device that gives `weight_bit` and `state_bit`.
    """
    samples, steps = max(1, events.samples), max(1, events.timesteps)
    dense = events.dense / steps
    sparse = sum(total(p.once) for p in events.projections) / samples
    counted = math.ceil(math.log2(events.timesteps + 1))
    made = []
    for name, operations, bits, text in (
        ("ann-int8", dense, 8, "8-bit activations, dense"),
        ("ann-int8-sparse", sparse, 8, "8-bit activations, zeros skipped"),
        ("ann-counts", dense, counted, f"{counted}-bit activations (spike counts), dense"),
        ("ann-counts-sparse", sparse, counted, f"{counted}-bit activations, zeros skipped"),
    ):
        energy = _energy_j(events, operations, bits, arithmetic, memory)
        made.append(Baseline(name, text, operations, bits, energy))
    return made


def _energy_j(
    events: Events, operations: float, bits: int, arithmetic: Device, memory: Device
) -> float | None:
    neurons = sum(p.neurons for p in events.populations)
    weight_bits = max((p.weight_bits for p in events.projections), default=0)
    multiply = "multiply_accumulate" if bits > 1 else "accumulate"
    priced = (
        (arithmetic, multiply, operations),
        (memory, "weight_bit", operations * weight_bits),
        (arithmetic, "compare", float(neurons)),
        (memory, "state_bit", 2.0 * neurons * bits),
    )
    total_j = 0.0
    for device, name, count in priced:
        constant = device.constants.get(name)
        figure = None if constant is None else constant.joule()
        if figure is None:
            return None
        total_j += count * figure
    return total_j


BREAK_EVEN: tuple[BreakEvenReference, ...] = (
    {
        "source": "M. Dampfhoffer et al., 2022",
        "measure": "spikes_per_synapse",
        "low": 0.15,
        "high": 1.38,
        "meaning": "spikes per synapse and inference below which spiking costs less, by ANN",
    },
    {
        "source": "M. Davidson and S. Furber, 2021",
        "measure": "spikes_per_synapse",
        "low": 1.72,
        "high": 1.72,
        "meaning": "spikes per synapse and inference below which spiking costs less",
    },
    {
        "source": "Z. Yan et al., arXiv 2409.08290",
        "measure": "spike_rate",
        "low": 0.06,
        "high": 0.06,
        "meaning": "spike rate below which spiking costs less, for 5 to 10 timesteps",
    },
)
"""Published limits."""


def break_even(events: Events) -> BreakEven:
    """The network's own figures beside the published limits.

    Spikes per synapse are effective operations per weight that they could meet in one timestep;
    the spike rate is that of all sources, inputs among them, per timestep.
    """
    samples, steps = max(1, events.samples), max(1, events.timesteps)
    weights = events.dense / steps
    sources = events.inputs + sum(p.neurons for p in events.populations if p.fires)
    sent = sum(total(v) for v in events.totals.spikes.values())
    return {
        "spikes_per_synapse": total(events.operations) / samples / weights,
        "spike_rate": sent / (samples * steps * sources),
        "references": list(BREAK_EVEN),
    }


def bit_budget(events: Events) -> Measures:
    """Bits instead of joules (arXiv 2311.10802): BB, S-ACE and NS-ACE.

    BB = T·b_w·b_s and S-ACE = MAC·T·b_w·b_s with 1-bit spikes b_s and the dense operations MAC of
    one timestep; NS-ACE = Σ effective operations · b_w·b_s, the paper's rate · S-ACE with the rate
    of every synapse by itself.
    """
    bits = max((p.weight_bits for p in events.projections), default=0)
    operations = total(events.operations) / max(1, events.samples)
    return {
        "bit_budget": float(events.timesteps * bits),
        "s_ace": float(events.dense * bits),
        "ns_ace": operations * bits,
    }
