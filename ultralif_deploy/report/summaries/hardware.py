"""The output of `ultralif synthesize`."""

from rich.console import Group, RenderableType
from rich.text import Text

from ultralif_deploy.report.terminal import titled
from ultralif_deploy.schema.commands import Synthesized


def synthesis_summary(found: Synthesized) -> RenderableType:
    """Resources, clock frequency, and cycles where they were measured."""
    table = titled(f"On {found['device']}", "quantity", "value", left=("quantity",))
    available = found["available"]
    for name, key in (
        ("look-up tables", "luts"),
        ("flip-flops", "flip_flops"),
        ("block RAMs", "block_rams"),
        ("multipliers", "dsps"),
    ):
        table.add_row(name, f"{found[key]:,}")  # type: ignore[literal-required]
    for name, used in found["used"].items():
        table.add_row(f"{name} placed", f"{used:,} of {available[name]:,}")
    table.add_row("highest clock frequency", f"{found['fmax_hz'] / 1e6:.1f} MHz")
    cycles = found["cycles"]
    if cycles is None or found["latency_s"] is None or found["inferences_per_s"] is None:
        return Group(table, Text("Latency: give --data, whose samples are simulated for it."))
    table.add_row("cycles of an inference", f"{cycles['mean']:.0f}, at most {cycles['max']:,}")
    table.add_row("latency at that frequency", f"{found['latency_s'] * 1e6:.1f} µs")
    table.add_row("inferences at that frequency", f"{found['inferences_per_s']:,.0f} per second")
    return Group(
        table,
        Text(
            f"Cycles were counted in the simulation of {cycles['samples']} samples. The frequency "
            "is nextpnr's estimate. No tool here computes the power."
        ),
    )
