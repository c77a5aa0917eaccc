"""Open a source and quantize it; with `auto`, bits of spikes and weights are chosen on the way."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.io.progress import Progress
from ultralif_deploy.network.network import Network
from ultralif_deploy.passes import apply_passes
from ultralif_deploy.program.program import Program
from ultralif_deploy.program.spike_format import SpikeBits
from ultralif_deploy.program.weight_format import Bits
from ultralif_deploy.schema.choices import Choices
from ultralif_deploy.sources.deployable import Deployable
from ultralif_deploy.sources.opening import open_source
from ultralif_deploy.sources.programs import program_of, program_of_passed
from ultralif_deploy.sources.settings import Settings
from ultralif_deploy.steps.choosing import (
    AUTO,
    LADDER,
    Judge,
    choose_spike_bits,
    choose_weight_bits,
    cores_of,
    over_budget,
)
from ultralif_deploy.steps.searching import Goal, Taken, check_max_gap

if TYPE_CHECKING:
    from torch import nn


def opened(
    given: "str | Path | Network | nn.Module",
    settings: Settings,
    skip_passes: Iterable[str],
    goal: Goal,
    progress: Progress,
) -> tuple[Deployable, Choices]:
    """The source, with bits of spikes that were chosen where `settings.spike_bits` is `auto`.

    Args:
        given: the user's file, network or module.
        settings: settings that the user gave.
        skip_passes: passes to leave out.
        goal: what a choice aims at; its budget is for weights alone.
        progress: progress display of the candidates.

    Raises:
        UltralifError: bad input; nothing to choose on.
    """

    def source_with(spike_bits: SpikeBits | Literal["auto"] | None) -> Deployable:
        with progress.reading():
            return open_source(given, replace(settings, spike_bits=spike_bits))

    if settings.spike_bits != AUTO:
        return source_with(settings.spike_bits), {}
    source, choice = choose_spike_bits(
        source_with,
        skip_passes,
        goal.unbudgeted(),
        progress,
    )
    return source, {"spike_choice": choice}


def quantized(
    source: Deployable,
    network: Network,
    bits: Bits,
    skip_passes: Iterable[str],
    goal: Goal,
    progress: Progress,
) -> tuple[Network, Program, Choices]:
    """The network after its passes, its program, and the choice of bits where they are `auto`.

    Args:
        source: source that is quantized.
        network: its hard network, or that of its annealed soft network.
        bits: bits of the weights: 2 to 8 or `ternary` for all or by population, or `auto`.
        skip_passes: passes to leave out.
        goal: what a choice aims at.
        progress: progress display of the candidates.

    Raises:
        UltralifError: bad input; nothing to choose on; no candidate is within the budget.
    """
    passes = tuple(skip_passes)
    if bits != AUTO:
        return *program_of(source, network, bits, passes), {}
    passed = apply_passes(network, passes)
    best, choice = choose_weight_bits(Judge(source, goal), passed, progress)
    return passed, program_of_passed(source, passed, best), {"weight_choice": choice}


def check_budget(goal: Goal, bits: Bits) -> None:
    """Refuse a budget where nothing is chosen.

    Args:
        goal: what a choice aims at.
        bits: bits of the weights as given.

    Raises:
        UltralifError: there is a budget, and the bits are not `auto`.
    """
    if goal.budgeted and bits != AUTO:
        raise UltralifError(
            "--weight-memory, --max-energy, --max-cores: they bound bits that are chosen; expected "
            "--bits auto too"
        )


def check_room(source: Deployable, skip_passes: Iterable[str], goal: Goal) -> None:
    """Refuse, before a network is annealed, memory or cores that its fewest bits exceed.

    Annealing changes weights, and no shapes, so as many weights are stored after it. That changes
    only where a neuron becomes constant and is removed, which is not foreseen here. What a chip
    refuses, and the energy, depend on the weights themselves, and are not bounded here.

    Args:
        source: source that is annealed, without pruning.
        skip_passes: passes to leave out.
        goal: what the choice of bits aims at.

    Raises:
        UltralifError: no bits are within the budget.
    """
    if goal.weight_bytes is None and not goal.cores:
        return
    _, program = program_of(source, source.network, LADDER[-1], skip_passes)
    cores = {chip: cores_of(program, chip) for chip in goal.cores}
    placed = {chip: most for chip, most in goal.cores.items() if isinstance(cores[chip], int)}
    sized = Goal(goal.device, weight_bytes=goal.weight_bytes, cores=placed)
    taken: Taken = {"weight_bytes": program.weight_bits // 8, "joules": None, "cores": cores}
    if sized.excess(taken):
        begin = f"no bits are within the budget; with {LADDER[-1]} weights the network takes"
        raise over_budget(begin, taken, sized)


def check_gap(max_gap: float | None, source: Deployable) -> None:
    """Refuse a largest gap that no gap can be compared with.

    Args:
        max_gap: percentage points; None allows every gap.
        source: source that is deployed.

    Raises:
        UltralifError: the gap is no number of percentage points, or test samples have no labels.
    """
    check_max_gap(max_gap)
    if max_gap is not None and source.data.test.y is None:
        raise UltralifError(f"{source.data.name}: no y_test; a gap needs labels")
