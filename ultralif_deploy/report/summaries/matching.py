"""What `ultralif match` prints."""

from rich.console import Group, RenderableType
from rich.text import Text

from ultralif_deploy.readers.nir.readings import option_name
from ultralif_deploy.report.terminal import titled
from ultralif_deploy.schema.matching import FirstDifference, Matched, Reading

FLOAT32_ERROR = 1e-5
"""Relative error that a membrane potential may gather over many timesteps in float32."""


def match_summary(found: Matched) -> RenderableType:
    """The options to copy first, then what was compared."""
    if found["exact"]:
        return Text(f"{_exact(found)}\n{_compared(found)}")
    title = "No reading gives everything that is expected; the nearest"
    table = titled(title, "options", "differences", "first difference", left=("options",))
    table.columns[-1].justify = "left"
    for reading in found["nearest"]:
        first = "" if reading["first"] is None else difference(reading["first"])
        table.add_row(reading["options"], f"{reading['differing']:,}", first)
    return Group(table, Text(_compared(found)))


def difference(first: FirstDifference) -> str:
    """A first difference in words."""
    expected, found = f"{first['expected']:g}", f"{first['found']:g}"
    if first["population"] is None:
        return f"sample {first['sample']}, logit {first['neuron']}: {expected} expected, {found}"
    return (
        f"{first['population']}, sample {first['sample']}, timestep {first['timestep']}, neuron "
        f"{first['neuron']}: {expected} expected, {found} found; membrane {first['membrane']:.6g}, "
        f"threshold {first['threshold']:.6g}{_near(first)}"
    )


def _near(first: FirstDifference) -> str:
    """A remark where both are so close that a framework in float32 may round to either side."""
    membrane, threshold = first["membrane"], first["threshold"]
    if membrane is None or threshold is None:
        return ""
    close = abs(membrane - threshold) <= FLOAT32_ERROR * max(abs(membrane), abs(threshold))
    return ", which rounding in float32 may exchange" if close else ""


def _exact(found: Matched) -> str:
    """The options, and the questions to which these samples give no answer."""
    first = found["exact"][0]["options"] or "no option is needed"
    undecided = []
    for question, tried in found["open"].items():
        fitting = [one for one in tried if one in _answers(found["exact"], question)]
        if len(fitting) > 1:
            undecided.append(f"{option_name(question)} ({', '.join(map(_word, fitting))})")
    if not undecided:
        return first
    return f"{first}\nThese samples do not decide {'; '.join(undecided)}."


def _answers(readings: list[Reading], question: str) -> list[str | float | int | None]:
    return [reading["conventions"][question] for reading in readings]


def _word(answer: str | float | int | None) -> str:
    return "none" if answer is None else f"{answer:g}" if isinstance(answer, float) else str(answer)


def _compared(found: Matched) -> str:
    spikes = ", ".join(f"{name} {count:,}" for name, count in found["compared"].items())
    parts = [f"spikes of {spikes}"] if spikes else []
    parts += ["logits"] if found["logits"] else []
    return (
        f"{found['readings']} readings of {found['file']} compared with {found['expected']} on "
        f"{found['samples']} samples of {found['timesteps']} timesteps: {'; '.join(parts)}."
    )
