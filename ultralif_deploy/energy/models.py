"""Joules from counted events, one device at a time; nothing is assumed that was not counted."""

from dataclasses import dataclass
from typing import Any

from ultralif_deploy.energy.devices import Device
from ultralif_deploy.program import Program
from ultralif_deploy.simulators.trace import EventCounts

PROXY_J = 0.9e-12
"""Joule per operation in the UltraLIF paper's proxy: a 32-bit floating-point addition, 45 nm."""

_PJ = 1e-12


@dataclass(frozen=True, slots=True)
class DeviceEnergy:
    """Energy of one run on one device.

    Attributes:
        device: whose constants were used.
        total_j: joules of all samples, every neuron update taken as active; None where a
            constant that the run needs is not published.
        low_j: the same with every neuron update taken as inactive.
        by_cause_j: parts of `total_j`.
        missing: constants that the run needs and that are not published.
    """

    device: Device
    total_j: float | None
    low_j: float | None
    by_cause_j: dict[str, float | None]
    missing: tuple[str, ...]


def device_energy(program: Program, counts: EventCounts, device: Device) -> DeviceEnergy:
    """E = Σ events · cost of one event, over accumulates, multiplies, neuron updates and spikes.

    Spikes are those that neurons send; the cost of bringing the input in is not in it. Neuron
    updates are neurons · timesteps · samples. The device's file gives the sources.
    """
    operations = {
        kind: sum(
            int(v.sum())
            for k, v in counts.synaptic_operations.items()
            if (k in counts.multiplies) == (kind == "multiply_accumulate")
        )
        for kind in ("accumulate", "multiply_accumulate")
    }
    updates = sum(p.size for p in program.populations) * counts.timesteps * counts.samples
    sent = sum(int(counts.spikes[p.name].sum()) for p in program.populations if p.spikes)
    events = {**operations, "neuron_update_active": updates, "spike": sent}
    parts: dict[str, float | None] = {}
    missing = []
    for name, count in events.items():
        value = device.constants[name].value_pj
        parts[name] = None if value is None else count * value * _PJ
        if value is None and count:
            missing.append(name)
    # A cost of sending spikes that is not published is named and left out; an operation is not.
    if set(missing) - {"spike"}:
        return DeviceEnergy(device, None, None, parts, tuple(missing))
    total = sum(part for part in parts.values() if part is not None)
    idle = device.constants["neuron_update_inactive"].value_pj
    active = parts["neuron_update_active"] or 0.0
    low = None if idle is None else total - active + updates * idle * _PJ
    return DeviceEnergy(device, total, low, parts, tuple(missing))


def paper_proxy_j(program: Program, counts: EventCounts) -> float:
    """The UltraLIF paper's proxy per inference: E = T·s̄·N_syn·0.9 pJ (arXiv 2602.11206).

    s̄ is the unweighted mean of the hidden spike rates and N_syn the number of weights. The input's
    own rate is not in s̄, though in a network 784-64-10 the input has 98.7 % of the weights; the
    counted operations beside it show the difference.
    """
    steps = counts.timesteps * counts.samples
    rates = [
        float(counts.spikes[p.name].sum()) / (steps * p.size)
        for p in program.populations
        if p.spikes
    ]
    weights = sum(p.map.source_size * p.map.target_size for p in program.projections)
    return counts.timesteps * (sum(rates) / max(1, len(rates))) * weights * PROXY_J


def energy_report(program: Program, counts: EventCounts, devices: list[Device]) -> dict[str, Any]:
    """Counts, joules per device and the paper's proxy, as plain values."""
    total = sum(int(v.sum()) for v in counts.synaptic_operations.values())
    dense = counts.timesteps * sum(
        p.map.source_size * p.map.target_size for p in program.projections
    )
    samples = max(1, counts.samples)
    return {
        "samples": counts.samples,
        "timesteps": counts.timesteps,
        "synaptic_operations": total,
        "synaptic_operations_per_inference": total / samples,
        "dense_operations_per_inference": dense,
        "counts": counts.as_dict(),
        "devices": {d.name: _as_dict(device_energy(program, counts, d), samples) for d in devices},
        "paper_proxy_j_per_inference": paper_proxy_j(program, counts),
    }


def _as_dict(energy: DeviceEnergy, samples: int) -> dict[str, Any]:
    per = None if energy.total_j is None else energy.total_j / samples
    return {
        "description": energy.device.description,
        "total_j": energy.total_j,
        "per_inference_j": per,
        "low_j": energy.low_j,
        "by_cause_j": energy.by_cause_j,
        "not_published": list(energy.missing),
        "not_covered": energy.device.not_covered,
        "constants": {
            name: {"value_pj": c.value_pj, "covers": c.covers, "source": c.source, "mark": c.mark}
            for name, c in energy.device.constants.items()
        },
    }
