"""The energy part of a report, as plain values."""

import csv
import io
from collections.abc import Iterable

from ultralif_deploy.energy import counts
from ultralif_deploy.energy.baselines import baselines, bit_budget, break_even
from ultralif_deploy.energy.counts import Events
from ultralif_deploy.energy.devices import Device, load_device
from ultralif_deploy.energy.estimate import Estimate, estimate
from ultralif_deploy.energy.models import ENERGY_MODELS
from ultralif_deploy.schema import energy as schema

ARITHMETIC, MEMORY, PROXY = "cmos45", "yan2024", "paper-proxy"
"""Devices whose constants the baselines use, and the paper's own figure."""


def chips_of(devices: Iterable[Device]) -> list[str]:
    """Chips on which a placed run is needed."""
    return sorted({d.chip for d in devices if d.chip is not None})


def energy_report(events: Events, devices: list[Device]) -> schema.Energy:
    """Counts, joules per device, baselines and break-even figures.

    Joules are totals of all samples where the name says `total`, otherwise means of one inference;
    `total_j` and the ranges are without idle power.
    """
    samples = max(1, events.samples)
    operations = int(events.operations.sum())
    proxy = estimate(events, load_device(PROXY)).total_j
    arithmetic, memory = load_device(ARITHMETIC), load_device(MEMORY)
    return {
        "samples": events.samples,
        "timesteps": events.timesteps,
        "synaptic_operations": operations,
        "synaptic_operations_per_inference": operations / samples,
        "dense_operations_per_inference": events.dense,
        "counts": events.totals.as_dict(),
        **counts.as_dict(events),
        "devices": {d.name: _device(estimate(events, d), samples) for d in devices},
        "baselines": {
            b.name: {
                "description": b.description,
                "operations": b.operations,
                "activation_bits": b.activation_bits,
                "per_inference_j": b.total_j,
            }
            for b in baselines(events, arithmetic, memory)
        },
        "break_even": break_even(events),
        "measures": bit_budget(events),
        "paper_proxy_j_per_inference": None if proxy is None else proxy / samples,
    }


def _device(found: Estimate, samples: int) -> schema.Device:
    def per_inference(total: float | None) -> float | None:
        return None if total is None else total / samples

    device, model = found.device, ENERGY_MODELS[found.device.model]
    by_place: dict[str, dict[str, float]] = {}
    by_cause: dict[str, float] = {}
    for (place, cause), joules in found.parts_j.items():
        by_place.setdefault(place, {})[cause] = joules / samples
        by_cause[cause] = by_cause.get(cause, 0.0) + joules / samples
    return {
        "description": device.description,
        "model": device.model,
        "equation": model.equation,
        "source": model.source,
        "badge": device.badge,
        "note": found.note,
        "not_covered": device.not_covered,
        "total_j": found.total_j,
        "per_inference_j": per_inference(found.total_j),
        "low_per_inference_j": per_inference(found.low_j),
        "high_per_inference_j": per_inference(found.high_j),
        "idle_per_inference_j": per_inference(found.idle_j),
        "by_cause_j": by_cause,
        "by_place": by_place,
        "sensitivity": [
            {
                "constant": bar.constant,
                "range": "published" if bar.published else "halved and doubled",
                "low_per_inference_j": bar.low_j / samples,
                "high_per_inference_j": bar.high_j / samples,
            }
            for bar in found.bars
        ],
        "not_published": list(found.missing),
        "constants": {name: c.as_dict() for name, c in device.constants.items()},
    }


def energy_csv(energy: schema.Energy) -> str:
    """Joules of one inference by device, place and cause, one a line."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("device", "place", "cause", "joules_per_inference"))
    for name, device in energy["devices"].items():
        for place, parts in device["by_place"].items():
            for cause, joules in parts.items():
                writer.writerow((name, place, cause, repr(joules)))
    return text.getvalue()
