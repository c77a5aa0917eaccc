"""The output of `ultralif firmware`."""

from rich.console import Group, RenderableType
from rich.text import Text

from ultralif_deploy.report.terminal import titled
from ultralif_deploy.schema.commands import Firmware


def firmware_summary(found: Firmware) -> RenderableType:
    """A row for each core and level."""
    table = titled(
        "On emulated cores",
        *("core", "optimization", "instructions", "at most", "flash", "state", "stack"),
        left=("core", "optimization"),
    )
    for build in found["builds"]:
        instructions = build["instructions"]
        table.add_row(
            build["core"],
            f"-{build['optimization']}",
            f"{instructions['mean']:,.0f}",
            f"{instructions['most']:,}",
            *(f"{build[key]:,} B" for key in ("flash_bytes", "ram_bytes", "stack_bytes")),
        )
    compilers = ", ".join(dict.fromkeys(found["compilers"].values()))
    return Group(
        table,
        Text(
            f"Every spike of {found['samples']} samples equals the reference. Instructions of an "
            f"inference are counted in the emulator; they are not cycles. Compiled by {compilers}."
        ),
    )
