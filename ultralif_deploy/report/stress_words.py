"""Words for the content of stress.json, the same in the terminal and in stress.html."""

from collections.abc import Sequence

from ultralif_deploy.program.weight_format import TERNARY, weight_format
from ultralif_deploy.report.words import percent
from ultralif_deploy.schema.studies.stress import Stress, StressFault, StressLevel


def amount(fault: StressFault, level: StressLevel) -> str:
    """What a level of a fault amounts to, in words."""
    unit = fault["unit"]
    if unit.startswith("of "):
        return f"{100 * level['amount']:g} % {unit}"
    return f"{level['amount']:g} {unit}{'' if level['amount'] == 1 else 's'}"


def interval(ends: Sequence[float] | None) -> str:
    """A 95 % interval of an accuracy, or a dash."""
    return "–" if ends is None else f"{100 * ends[0]:.2f} to {100 * ends[1]:.2f} %"


def level_words(level: StressLevel) -> str:
    """A level and its mean accuracy."""
    return f"{percent(level['accuracy'])} at {level['level']:g}"


def kept_up_to(content: Stress) -> str:
    """For each fault the highest level up to which at most one percentage point is lost."""
    kept = (
        f"{name} up to {fault['within_a_point']:g}"
        if fault["within_a_point"] is not None
        else f"{name} at none of its levels"
        for name, fault in content["faults"].items()
    )
    return f"{', '.join(kept)}."


def weights(content: Stress) -> str:
    """How stored weights with faulty bits are read, and what stays as it is."""
    program = content["program"]
    formats = {weight_format(name) for name in program["weight_formats"].values()}
    stored = sorted({numbers.stored_bits for numbers in formats})
    ranges = " and ".join(
        f"{bits} bits, read as two's complement, so that faults reach −{1 << (bits - 1)} to "
        f"{(1 << (bits - 1)) - 1}"
        for bits in stored
    )
    ternary = any(numbers.name == TERNARY for numbers in formats)
    return (
        f"A stored weight takes {ranges}"
        + (": the pattern 10, which is never stored, reads −2" if ternary else "")
        + ". Biases and neurons' parameters stay as they are. A program whose faulty weights might "
        "pass 32 bits is refused and not run; nothing is clipped."
    )
