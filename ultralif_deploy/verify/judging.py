"""The verdict on a deployment, from its findings and figures.

- `no`: a back end differs, the gap is larger than allowed, the FPGA that was asked for cannot hold
  the program, or the program does not do what the network does.
- `with losses`: the program runs, but spikes, accuracy or parameters were lost.
- `unsure`: an assumption may not be what the network means.
- `yes`: none of these.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Final

import numpy as np

from ultralif_deploy.errors import CheckFailed
from ultralif_deploy.findings.findings import FAILURE, NOTE, WARNING, Finding
from ultralif_deploy.network.network import Network
from ultralif_deploy.program.delays import Delay
from ultralif_deploy.program.program import Program
from ultralif_deploy.quantization.registers import current_range, largest_weights, needs, word_of
from ultralif_deploy.quantization.rounding import Row, rounding_table
from ultralif_deploy.quantization.second_order import WordLengths
from ultralif_deploy.schema.measured import Accuracy, Measured, Population
from ultralif_deploy.schema.report import Judgement, Report
from ultralif_deploy.schema.values import Kind, Verdict

if TYPE_CHECKING:
    from ultralif_deploy.verify.measuring import Figures

YES: Final = "yes"
UNSURE: Final = "unsure"
WITH_LOSSES: Final = "with losses"
NO: Final = "no"

LOSSES = ("accuracy-lost", "parameter-error", "saturated-membrane", "spikes-lost")
"""Kinds of findings that say what was lost, not what was assumed."""

LOST_POINTS = 1.0
"""Percentage points of accuracy whose loss is worth a warning."""

USELESS_LOSS = 0.5
"""Largest share of the accuracy above chance that may be lost; the verdict is `no` above it."""


def judgement(
    assumed: Iterable[Finding],
    network: Network,
    program: Program,
    measured: "Figures",
    *,
    exact: bool,
    fits: bool = True,
    annealed: bool = False,
    trainable: bool = False,
    delays: tuple[Delay, ...] = (),
) -> Judgement:
    """The verdict with its findings, the gravest first, and the table of parameters.

    Args:
        assumed: findings about what the file does not hold.
        network: network that was quantized, after the passes.
        program: the integer program made of that network.
        measured: figures of the report, with `findings` of what was counted.
        exact: whether all back ends agree.
        fits: whether the part that was asked for, if any, holds the program.
        annealed: whether the network was annealed.
        trainable: whether training samples are at hand.
        delays: delays of connections, as the file means them.
    """
    rows, rounded = rounding_findings(network, program, delays)
    accuracy = measured["accuracy"]
    lost = accuracy_findings(measured, program.readout.size, annealed, trainable)
    findings = [*assumed, *lost, *measured["findings"], *rounded]
    findings.sort(key=lambda finding: (FAILURE, WARNING, NOTE).index(finding.severity))
    return {
        "verdict": verdict(findings, exact=exact and fits, gap_allowed=within_allowed(accuracy)),
        "findings": [finding.as_dict() for finding in findings],
        "parameters": [row.as_dict() for row in rows],
    }


def refuse_doubts(report: Report, strict: bool) -> None:
    """End a strict run whose verdict is not `yes`; the report is written by then.

    Raises:
        CheckFailed: naming the verdict and the first finding.
    """
    if strict and report["verdict"] != YES:
        first = next(f for f in report["findings"] if f["severity"] != NOTE)
        raise CheckFailed(f"--strict: the verdict is {report['verdict']!r}: {first['text']}")


def refuse_gap(report: Report) -> None:
    """End a run whose gap is larger than was allowed; the report is written by then.

    Raises:
        CheckFailed: naming both.
    """
    accuracy = report["accuracy"]
    if within_allowed(accuracy):
        return
    kind, remedy = accuracy["compared"], "use more bits, or training samples for the clipping"
    if kind == "soft":
        remedy = "anneal with training data (--anneal) or use more bits"
    raise CheckFailed(
        f"gap of {accuracy['gap_soft_integer']:.2f} percentage points between {kind} and integer "
        f"accuracy is larger than --max-gap {accuracy['max_gap']:g}; {remedy}"
    )


def within_allowed(accuracy: Accuracy) -> bool:
    """Whether the gap, if there is one, is at most what was allowed, if anything was."""
    gap, allowed = accuracy["gap_soft_integer"], accuracy["max_gap"]
    return allowed is None or gap is None or gap <= allowed


def verdict(findings: Iterable[Finding], *, exact: bool, gap_allowed: bool) -> Verdict:
    """`YES`, `UNSURE`, `WITH_LOSSES` or `NO`.

    Args:
        findings: all of the deployment; notes do not count.
        exact: whether all back ends agree.
        gap_allowed: whether the gap is at most what was allowed, if anything was.
    """
    found = [finding for finding in findings if finding.severity != NOTE]
    if not exact or not gap_allowed or any(f.severity == FAILURE for f in found):
        return NO
    if any(f.kind in LOSSES for f in found):
        return WITH_LOSSES
    return UNSURE if found else YES


def rounding_findings(
    network: Network, program: Program, delays: tuple[Delay, ...] = ()
) -> tuple[tuple[Row, ...], list[Finding]]:
    """The table of what was meant and stored, and what in it is worth a word.

    Args:
        network: network that was quantized, after the passes.
        program: the integer program made of that network.
        delays: delays of connections, as the file means them.
    """
    rows = rounding_table(network, program, delays)
    found = [_too_far(row) for row in rows if row.exceeds]
    return rows, [*found, *_fewer_bits(network, program)]


def _too_far(row: Row) -> Finding:
    remedy = "more weight bits make its unit finer (--bits)"
    if row.parameter == "weight":
        remedy = "its threshold, reset or temperature is too large beside its weights"
    if "leak" in row.parameter:
        remedy = "wider decays hold it (--decay-bits)"
    if row.parameter == "delay":
        remedy = "delays are whole timesteps (--dt)"
    where = "" if row.neuron is None else f" of neuron {row.neuron}"
    assert row.bound is not None
    return Finding(
        "parameter-error",
        f"{row.name}: {row.parameter}{where} is {row.stored:.6g} instead of "
        f"{row.meant:.6g}, {100 * row.relative:.2g} % off, more than {100 * row.bound:.2g} %",
        remedy,
    )


def _fewer_bits(network: Network, program: Program) -> Iterator[Finding]:
    """Populations whose registers leave their weights fewer bits than were asked for."""
    for before, after in zip(network.populations, program.populations, strict=True):
        incoming, numbers = network.incoming(before.name), program.formats[before.name]
        currents = current_range(before, incoming, network.largest_sent)
        asked, word = needs(before, *currents, network.timesteps, WordLengths()), word_of(after)
        least = asked.held_in(word).least_scale
        largest = largest_weights(incoming, before.size)
        forced = (
            (least > largest / numbers.high * (1 + 1e-6)) & (largest > 0) & (after.scale >= least)
        )
        if forced.any():
            steps = float((largest / after.scale)[forced].min())
            bits = np.log2(2 * max(steps, 1.0) + 1)
            yield Finding(
                "fewer-bits",
                f"{before.name}: {int(forced.sum())} neurons need weights of {bits:.1f} bits "
                f"instead of {numbers.name}, so that their thresholds, resets and membrane "
                f"potentials fit into {word.bits} bits",
                "",
                NOTE,
            )


def accuracy_findings(
    measured: Measured, classes: int, annealed: bool, trainable: bool
) -> Iterator[Finding]:
    """What hardening and quantization cost, where, and the command that mends it.

    Args:
        measured: accuracies and populations of the report.
        classes: number of classes of the read-out.
        annealed: whether the network was annealed already.
        trainable: whether training samples are at hand.
    """
    accuracy = measured["accuracy"]
    first, hard, last = accuracy["soft"], accuracy["hard"], accuracy["integer"]
    if first is None or hard is None or last is None or 100 * (first - last) <= LOST_POINTS:
        return
    by_hardening, by_rounding = 100 * (first - hard), 100 * (hard - last)
    hardened = by_hardening >= by_rounding
    chance = 1 / classes
    useless = first > chance and first - last > USELESS_LOSS * (first - chance)
    yield Finding(
        "accuracy-lost",
        f"{100 * (first - last):.1f} points of accuracy are lost, {by_hardening:z.1f} by hardening "
        f"and {by_rounding:z.1f} by quantization{_where(measured['populations'], hardened)}",
        _mended(accuracy["compared"], hardened, annealed, trainable),
        FAILURE if useless else WARNING,
    )


ALIKE = 0.999
"""Above this share of equal spikes, no population is named for a loss."""


def _where(populations: Mapping[str, Population], hardened: bool) -> str:
    """The population whose spikes changed most."""

    def agreement(name: str) -> float:
        soft = populations[name]["agreement_integer_soft"]
        recall = populations[name]["spikes_kept"]["recall"]
        agreed = soft if hardened else recall
        return 1.0 if agreed is None else float(agreed)

    if not populations:
        return ""
    worst = min(populations, key=agreement)
    if agreement(worst) > ALIKE:
        kept = "rounding to whole spikes takes" if hardened else "the read-out's weights lose"
        return f"; the spikes of all populations agree, so this is what {kept}"
    what = "of its soft spikes agree" if hardened else "of its spikes are kept"
    return f"; most of it in {worst}, where {100 * agreement(worst):.1f} % {what}"


def _mended(compared: Kind, hardened: bool, annealed: bool, trainable: bool) -> str:
    if compared == "float":
        return "use more bits (--bits), or training samples for the clipping"
    if not hardened:
        return "use more bits (--bits), or --anneal, which trains with the weights quantized"
    if annealed:
        return "anneal for longer (--epochs)"
    if trainable:
        return "try --anneal, or --anneal --epochs 0, which needs no labels and takes seconds"
    return (
        "try --anneal --epochs 0, which needs no labels; it takes training samples (x_train), and "
        "the data file has none"
    )
