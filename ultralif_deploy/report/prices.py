"""A device's estimate of one inference, where it has one."""

from typing import NamedTuple

from ultralif_deploy.schema.energy import Device


class Price(NamedTuple):
    """Joules of one inference, without idle power."""

    nominal: float
    low: float
    high: float


def price(device: Device) -> Price | None:
    """The estimate with its range; None where a constant is not published or nothing was placed."""
    nominal = device["per_inference_j"]
    low, high = device["low_per_inference_j"], device["high_per_inference_j"]
    return None if nominal is None or low is None or high is None else Price(nominal, low, high)


def prices(devices: dict[str, Device]) -> dict[str, Price]:
    """The estimates of the devices that have one, by name."""
    found = {name: price(device) for name, device in devices.items()}
    return {name: known for name, known in found.items() if known is not None}
