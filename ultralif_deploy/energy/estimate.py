"""Joules: a model's rows times a device's constants, with ranges and sensitivities."""

from collections.abc import Callable
from dataclasses import dataclass, field

from ultralif_deploy.energy.counts import Events
from ultralif_deploy.energy.devices import Constant, Device
from ultralif_deploy.energy.models import ENERGY_MODELS
from ultralif_deploy.energy.models.rows import Row

IDLE = "idle"


@dataclass(frozen=True, slots=True)
class Bar:
    """How much one constant matters.

    Attributes:
        constant: name.
        published: whether sources give the range; otherwise the constant is halved and doubled.
        low_j: total with the constant at its low end, all others as they are.
        high_j: total with it at its high end.
    """

    constant: str
    published: bool
    low_j: float
    high_j: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """Energy of all samples on one device.

    Attributes:
        device: device whose constants were used.
        total_j: without idle power; None where a constant that is needed is not published, or where
            the model needs a placed run.
        low_j: energy with every constant at its low end.
        high_j: energy with every constant at its high end.
        idle_j: static power over the time of the run; None where there is no figure.
        parts_j: joules by place and cause, idle among them.
        bars: sensitivities, the largest first.
        missing: constants that are needed and not published.
        note: why the program is not on the device's chip, if it is not.
    """

    device: Device
    total_j: float | None
    low_j: float | None
    high_j: float | None
    idle_j: float | None
    parts_j: dict[tuple[str, str], float] = field(default_factory=dict)
    bars: tuple[Bar, ...] = ()
    missing: tuple[str, ...] = ()
    note: str = ""


def estimate(events: Events, device: Device) -> Estimate:
    """E = Σ rows count · constant, by the device's model."""
    run = None if device.chip is None else events.chips[device.chip]
    if isinstance(run, str):  # no figure for a chip that cannot run the program
        return Estimate(device, None, None, None, None, note=f"not placed: {run}")
    rows = [row for row in ENERGY_MODELS[device.model].rows(events) if row.count]
    missing = _missing(device, rows)
    dynamic = [row for row in rows if row.cause != IDLE]
    idle = [row for row in rows if row.cause == IDLE]
    known = not _missing(device, idle) and bool(idle)
    idle_j = _sum(idle, device, _nominal) if known else None
    if _missing(device, dynamic):
        return Estimate(device, None, None, None, idle_j, missing=missing)
    parts: dict[tuple[str, str], float] = {}
    for row in dynamic + (idle if known else []):
        key = row.place, row.cause
        parts[key] = parts.get(key, 0.0) + row.count * _nominal(device.constants[row.constant])
    return Estimate(
        device,
        _sum(dynamic, device, _nominal),
        _sum(dynamic, device, _low),
        _sum(dynamic, device, _high),
        idle_j,
        parts,
        _bars(dynamic, device),
        missing,
    )


def _bars(rows: list[Row], device: Device) -> tuple[Bar, ...]:
    nominal = _sum(rows, device, _nominal)
    bars = []
    for name in dict.fromkeys(row.constant for row in rows):
        constant = device.constants[name]
        share = _sum([row for row in rows if row.constant == name], device, _nominal)
        if constant.ranges:
            count = sum(row.count for row in rows if row.constant == name)
            ends = count * _low(constant), count * _high(constant)
        else:
            ends = share / 2, share * 2
        low, high = (nominal - share + end for end in ends)
        bars.append(Bar(name, constant.ranges, low, high))
    return tuple(sorted(bars, key=lambda bar: bar.low_j - bar.high_j))


def _missing(device: Device, rows: list[Row]) -> tuple[str, ...]:
    needed = dict.fromkeys(row.constant for row in rows)
    return tuple(
        n for n in needed if n not in device.constants or device.constants[n].value is None
    )


def _sum(rows: list[Row], device: Device, end: Callable[[Constant], float]) -> float:
    return sum(row.count * end(device.constants[row.constant]) for row in rows)


def _nominal(constant: Constant) -> float:
    return constant.joule() or 0.0


def _low(constant: Constant) -> float:
    return constant.joule("low") or 0.0


def _high(constant: Constant) -> float:
    return constant.joule("high") or 0.0
