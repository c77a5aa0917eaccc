"""The output of `ultralif simulate --exit`: when samples stop early."""

from rich.console import Group, RenderableType
from rich.text import Text

from ultralif_deploy.report.terminal import titled
from ultralif_deploy.report.words import joule, percent, points
from ultralif_deploy.schema.exits import ByConfidence, Exits


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
    if "executed" in found:
        whole, stopped = found["executed"]["whole_s"], found["executed"]["stopped_s"]
        text += f"\nMeasured: {stopped:.3g} s until the exits, {whole:.3g} s for whole runs."
    else:
        text += "\nCounted from whole runs: this back end cannot stop samples."
    if "by_confidence" in found:
        text += f"\n{_threshold(found['by_confidence'])}"
    return Group(when, costs, Text(text))


def _threshold(found: ByConfidence) -> str:
    """The threshold, and what it costs."""
    threshold, loss, ends = found["threshold"], found["loss"], found["loss_ci95"]
    where = (
        "no sample may stop early"
        if threshold is None
        else f"a lead of {threshold:.4g} per timestep"
    )
    text = (
        f"Confidence {found['confidence']:g}: {where}, chosen on {found['training_samples']:,} "
        f"training samples, whose accuracy falls by {_fall(found['training_loss'])} points"
    )
    if loss is None or ends is None:
        return f"{text}."
    low, high = (_fall(end) for end in ends)
    return f"{text}; on the test samples it falls by {_fall(loss)} ({low} to {high})."


def _fall(value: float) -> str:
    """Percentage points, with a sign where they are gained."""
    return points(value).removeprefix("+")
