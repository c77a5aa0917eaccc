"""The shipped devices as plain values, for `ultralif devices`."""

from collections.abc import Iterable

from ultralif_deploy.energy.devices import Device, load_device
from ultralif_deploy.schema.commands import DeviceFacts, Devices


def described(names: Iterable[str]) -> Devices:
    """Every constant of devices, with its source.

    Args:
        names: names of shipped devices, or paths of .toml files.

    Raises:
        UltralifError: an unknown device, or a bad file.
    """
    return {"devices": {name: _facts(load_device(name)) for name in names}}


def _facts(device: Device) -> DeviceFacts:
    return {
        "description": device.description,
        "badge": device.badge,
        "not_covered": device.not_covered,
        "published": device.has_figures,
        "chip": device.chip,
        "constants": {
            name: {
                "value": one.value,
                "low": one.low,
                "high": one.high,
                "unit": one.unit,
                "covers": one.covers,
                "source": one.source,
                "mark": one.mark,
            }
            for name, one in device.constants.items()
        },
    }
