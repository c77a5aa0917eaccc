"""The energy that a device is estimated to take for one inference."""

from typing import NamedTuple

from ultralif_deploy.schema.energy import Device


class Price(NamedTuple):
    """An estimate with its range, in joules per inference without idle power."""

    nominal: float
    low: float
    high: float


def price(device: Device) -> Price | None:
    """A device's estimate; None if a constant is not published or the program was not placed."""
    nominal = device["per_inference_j"]
    low, high = device["low_per_inference_j"], device["high_per_inference_j"]
    return None if nominal is None or low is None or high is None else Price(nominal, low, high)


def prices(devices: dict[str, Device]) -> dict[str, Price]:
    """The estimates by name of the device; devices without one are left out."""
    found = {name: price(device) for name, device in devices.items()}
    return {name: known for name, known in found.items() if known is not None}
