"""Bits that `auto` chose, in words."""

from ultralif_deploy.report.words import format_in_words, percent, points, whole
from ultralif_deploy.schema.choices import Candidate, Choice, Choices


def choices_texts(report: Choices) -> list[str]:
    """A sentence for the bits of spikes, and one for those of weights, where they were chosen."""
    said = []
    if "spike_choice" in report:
        said.append(choice_text(report["spike_choice"], "spikes"))
    if "weight_choice" in report:
        said.append(choice_text(report["weight_choice"], "weights"))
    return said


def choice_text(choice: Choice, what: str) -> str:
    """What was chosen, what it loses, and how many candidates were tried.

    Args:
        choice: among the candidates.
        what: `spikes` or `weights`.
    """
    (taken,) = [one for one in choice["candidates"] if one["chosen"]]
    measured = "changed predictions" if taken["accuracy"] is None else "points of accuracy"
    allowed = f"{choice['max_loss']:g} were allowed"
    missed = "" if choice["reached"] else "; no candidate loses so little"
    against = (
        ""
        if choice["accuracy"] is None
        else f" ({choice['compared']} {percent(choice['accuracy'])}, "
        f"integer {percent(taken['accuracy'])})"
    )
    return (
        f"Bits of {what} chosen on {whole(choice['samples'])} training samples among "
        f"{len(choice['candidates'])} candidates: {bits_in_words(taken)}, "
        f"{whole(taken['weight_bytes'])} bytes of weights. It loses {points(taken['loss'])} "
        f"{measured}{against}; {allowed}{missed}."
    )


def bits_in_words(one: Candidate, *, spikes: bool = True) -> str:
    """`neuron: 4-bit, readout: 8-bit`, and the bits of spikes above 1.

    Args:
        one: the candidate.
        spikes: whether to say the bits of spikes.
    """
    bits = one["weight_bits"]
    if isinstance(bits, dict):
        said = ", ".join(f"{name} {format_in_words(found)}" for name, found in bits.items())
    else:
        said = f"{format_in_words(bits)} weights"
    return (
        f"{said}, spikes of {one['spike_bits']} bits" if spikes and one["spike_bits"] > 1 else said
    )
