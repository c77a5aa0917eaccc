"""Bits that `auto` chose, in words."""

from ultralif_deploy.report.words import format_in_words, joule, percent, whole
from ultralif_deploy.schema.choices import Candidate, Choice, Choices


def choices_texts(report: Choices) -> list[str]:
    """A sentence for the bits of spikes, and one for those of weights, where they were chosen."""
    return [choice_text(choice, what) for what, choice in choices_of(report)]


def choices_of(report: Choices) -> list[tuple[str, Choice]]:
    """Whether bits of `spikes` or `weights` were chosen, each with its choice."""
    made = []
    if "spike_choice" in report:
        made.append(("spikes", report["spike_choice"]))
    if "weight_choice" in report:
        made.append(("weights", report["weight_choice"]))
    return made


def choice_text(choice: Choice, what: str) -> str:
    """What was chosen, what it loses, and how many candidates were tried.

    Args:
        choice: among the candidates.
        what: `spikes` or `weights`.
    """
    (taken,) = [one for one in choice["candidates"] if one["chosen"]]
    samples, tried = whole(choice["samples"]), len(choice["candidates"])
    found = (
        spikes_in_words(taken)
        if what == "spikes"
        else f"{bits_in_words(taken)}, {whole(taken['weight_bytes'])} bytes of weights"
    )
    if taken["joules"] is not None:
        found = f"{found}, {joule(taken['joules'])} an inference on {choice['device']}"
    found = ", ".join((found, *(f"{n} cores of {c}" for c, n in taken["cores"].items())))
    lost = f"{taken['loss']:.2f} points of accuracy".replace("-", "−")
    if taken["accuracy"] is None:
        lost = f"{taken['loss']:.2f} % of the predictions change"
    else:
        lost = (
            f"{lost} lost ({choice['compared']} {percent(choice['accuracy'])}, integer "
            f"{percent(taken['accuracy'])})"
        )
    missed = "" if choice["reached"] else "; no candidate loses so little"
    return (
        f"Bits of {what}, chosen on {samples} training samples among {tried} candidates: {found}. "
        f"There, {lost}; {_allowed(choice)}{missed}."
    )


def counted_loss(choice: Choice, one: Candidate) -> float:
    """The loss by which a candidate is compared: without a budget, a gain counts as no loss.

    Args:
        choice: what was allowed.
        one: the candidate.
    """
    bounds = (choice["max_weight_bytes"], choice["max_joules"], choice["max_cores"] or None)
    return max(0.0, one["loss"]) if bounds == (None, None, None) else one["loss"]


def _allowed(choice: Choice) -> str:
    """What a candidate was allowed to lose and to take."""
    parts = []
    if choice["max_loss"] is not None:
        parts.append(f"{choice['max_loss']:g}")
    if choice["max_weight_bytes"] is not None:
        parts.append(f"{whole(choice['max_weight_bytes'])} bytes of weights")
    if choice["max_joules"] is not None:
        parts.append(f"{joule(choice['max_joules'])} an inference on {choice['device']}")
    parts += [f"{most} cores of {chip}" for chip, most in choice["max_cores"].items()]
    return f"{' and '.join(parts)} {'was' if len(parts) == 1 else 'were'} allowed"


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
    return f"{said}, {spikes_in_words(one)}" if spikes and one["spike_bits"] != 1 else said


def spikes_in_words(one: Candidate) -> str:
    """`spikes of 1 bit`, or `spikes of 3 bits in neuron1, 1 bit in neuron2`.

    Args:
        one: the candidate.
    """
    bits = one["spike_bits"]
    if isinstance(bits, dict):
        said = [f"{_bits(found)} in {name}" for name, found in bits.items()]
        return f"spikes of {', '.join(said)}"
    return f"spikes of {_bits(bits)}"


def spike_bits_in_words(one: Candidate) -> str:
    """`1`, or `neuron1: 3, neuron2: 1`.

    Args:
        one: the candidate.
    """
    bits = one["spike_bits"]
    if isinstance(bits, dict):
        return ", ".join(f"{name}: {found}" for name, found in bits.items())
    return str(bits)


def _bits(count: int) -> str:
    return f"{count} bit" if count == 1 else f"{count} bits"
