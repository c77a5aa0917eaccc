"""The output of `ultralif devices`."""

from rich.console import Group, RenderableType
from rich.text import Text

from ultralif_deploy.report.terminal import titled
from ultralif_deploy.schema.commands import DeviceConstant, DeviceFacts, Devices


def devices_summary(content: Devices) -> RenderableType:
    """All devices in a table; a single device with every constant and its source."""
    devices = content["devices"]
    if len(devices) == 1:
        ((name, facts),) = devices.items()
        return _constants(name, facts)
    columns = ("name", "device", "figures", "not covered", "sources")
    table = titled("Devices whose energy is estimated", *columns, left=columns)
    table.columns[0].no_wrap = True  # names are typed after --energy-device
    for name, facts in devices.items():
        figures = facts["badge"] if facts["published"] else "none published"
        sources = "; ".join(_publications(facts))
        table.add_row(name, facts["description"], figures, facts["not_covered"], sources)
    return Group(table, Text("ultralif devices NAME shows every constant and its source."))


def _publications(facts: DeviceFacts) -> list[str]:
    """Where the figures were published, each once; `devices NAME` says what stands there."""
    known = [one for one in facts["constants"].values() if one["value"] is not None]
    return list(dict.fromkeys(one["source"].partition(":")[0] for one in known))


def _constants(name: str, facts: DeviceFacts) -> RenderableType:
    columns = ("constant", "value", "covers", "source")
    table = titled(f"{name}: {facts['description']}", *columns, left=(columns[0], *columns[2:]))
    for constant, one in facts["constants"].items():
        table.add_row(constant, _value(one), one["covers"], one["source"])
    return Group(table, Text(f"Not covered: {facts['not_covered']}"))


def _value(one: DeviceConstant) -> str:
    if one["value"] is None:
        return "unknown"
    text = f"{one['value']:g} {one['unit']}"
    return text if one["low"] == one["high"] else f"{text} ({one['low']:g} to {one['high']:g})"
