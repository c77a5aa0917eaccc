"""Open a source and quantize it; with `auto`, bits of spikes and weights are chosen on the way."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.io.progress import Progress
from ultralif_deploy.network.network import Network
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
    MAX_LOSS,
    Judge,
    choose_spike_bits,
    choose_weight_bits,
)

if TYPE_CHECKING:
    from torch import nn


def opened(
    given: "str | Path | Network | nn.Module",
    settings: Settings,
    skip_passes: Iterable[str],
    max_gap: float | None,
    progress: Progress,
) -> tuple[Deployable, Choices]:
    """The source, with bits of spikes that were chosen where `settings.spike_bits` is `auto`.

    Args:
        given: the user's file, network or module.
        settings: settings that the user gave.
        skip_passes: passes to leave out.
        max_gap: largest loss of a choice, in percentage points; None is `MAX_LOSS`.
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
        _max_loss(max_gap),
        progress,
    )
    return source, {"spike_choice": choice}


def quantized(
    source: Deployable,
    network: Network,
    bits: Bits,
    skip_passes: Iterable[str],
    max_gap: float | None,
    progress: Progress,
) -> tuple[Network, Program, Choices]:
    """The network after its passes, its program, and the choice of bits where they are `auto`.

    Args:
        source: source that is quantized.
        network: its hard network, or that of its annealed soft network.
        bits: bits of the weights: 2 to 8 or `ternary` for all or by population, or `auto`.
        skip_passes: passes to leave out.
        max_gap: largest loss of a choice, in percentage points; None is `MAX_LOSS`.
        progress: progress display of the candidates.

    Raises:
        UltralifError: bad input; nothing to choose on.
    """
    passes = tuple(skip_passes)
    if bits != AUTO:
        return *program_of(source, network, bits, passes), {}
    judge = Judge(source, network, passes)
    best, choice = choose_weight_bits(judge, _max_loss(max_gap), progress)
    program = program_of_passed(source, judge.passed, best)
    return judge.passed, program, {"weight_choice": choice}


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


def check_max_gap(max_gap: float | None) -> None:
    """Refuse a largest gap that is no number of percentage points.

    Raises:
        UltralifError: it is negative or nan.
    """
    if max_gap is not None and not max_gap >= 0:
        raise UltralifError(f"max gap = {max_gap}; expected percentage points, at least 0")


def _max_loss(max_gap: float | None) -> float:
    check_max_gap(max_gap)
    return MAX_LOSS if max_gap is None else max_gap
