"""What `ultralif simulate --exit` prints of samples that stop early."""

from rich.console import Group, RenderableType
from rich.text import Text

from ultralif_deploy.report.terminal import titled
from ultralif_deploy.report.words import joule, percent
from ultralif_deploy.schema.exits import Exits


def exits_summary(found: Exits) -> RenderableType:
    """When samples stop, and what that saves."""
    samples, most = len(found["timesteps"]), found["most_timesteps"]
    mean = f"{found['mean_timesteps']:.2f} of {most} timesteps"
    when = titled(f"Samples stop after {mean} on average", "timesteps", "samples", "share")
    for steps, count in enumerate(found["histogram"], 1):
        when.add_row(str(steps), f"{count:,}", percent(count / samples))
    costs = titled("Energy per inference", "device", "whole run", "up to the exit", "saved")
    for name, device in found["devices"].items():
        whole, stopped = device["whole_j"], device["stopped_j"]
        if whole is None or stopped is None:
            costs.add_row(name, "–", "–", "–")
        else:
            saved = percent(1 - stopped / whole if whole else 0.0)
            costs.add_row(name, joule(whole), joule(stopped), saved)
    text = (
        f"{percent(found['operations_saved'])} of the synaptic operations are saved; "
        f"{found['changed']:,} of {samples:,} predictions change; accuracy at the exit "
        f"{percent(found['accuracy'])}."
    )
    return Group(when, costs, Text(text))
