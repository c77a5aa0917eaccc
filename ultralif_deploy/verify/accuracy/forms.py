"""The forms of one network, from soft to integer, and runs of the float ones on some samples."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ultralif_deploy.data.encoders import Encoder
from ultralif_deploy.network.network import Network
from ultralif_deploy.network.running import HardTrace, run_hard
from ultralif_deploy.program.program import Program
from ultralif_deploy.schema.values import Kind

if TYPE_CHECKING:
    from ultralif_deploy.soft.network import SoftNetwork, SoftTrace

LEARNED = 1.0
"""The factor of the temperature that training learned."""


@dataclass(frozen=True, slots=True)
class Chain:
    """The networks of one deployment, from soft to integer.

    Attributes:
        soft: soft network as trained; None where training was hard. The float network is then
            what the integers are compared with, and the figures called soft are its figures.
        naive: the hard limit of `soft`, nothing done; the float network as read.
        hard: the hard network that was quantized (annealed, if it was).
        program: the integer program.
        annealed: whether `hard` was trained further than `naive`, not only rewritten by passes.
    """

    soft: "SoftNetwork | None"
    naive: Network
    hard: Network
    program: Program
    annealed: bool = True

    @property
    def compared(self) -> Kind:
        """What the integers are compared with: `soft` spikes, or those of the `float` network."""
        return "float" if self.soft is None else "soft"

    def kept(self) -> dict[str, np.ndarray]:
        """By population, numbers of the neurons that passes kept, where they removed some."""
        return {p.name: p.kept for p in self.hard.populations if p.kept is not None}


@dataclass(frozen=True, slots=True)
class SoftRun:
    """The soft network at one factor of its temperature.

    Attributes:
        logits: float32 [batch, class].
        spike_rate: mean spike over populations.
        output_rate: mean output of the layers, as the authors count it.
        spikes: by population, spikes of the neurons that are deployed, float32
            [time, batch, neuron]; of the learned temperature alone.
    """

    logits: np.ndarray
    spike_rate: float
    output_rate: float
    spikes: dict[str, np.ndarray]


@dataclass(frozen=True, slots=True)
class FloatRuns:
    """The float forms of a network on some samples.

    Attributes:
        hard: run of the hard network.
        naive: logits of the hard network without annealing, float64 [batch, class]. Passes keep
            spikes identical, so that without annealing they are those of `hard`.
        soft: by factor, runs of the soft network; empty where training was hard.
    """

    hard: HardTrace
    naive: np.ndarray
    soft: dict[float, SoftRun]

    @property
    def before(self) -> np.ndarray:
        """Logits of the network that the integers are compared with."""
        return self.soft[LEARNED].logits if self.soft else self.hard.logits


def run_floats(
    chain: Chain, encoder: Encoder, values: np.ndarray, factors: Sequence[float]
) -> FloatRuns:
    """Run the float forms.

    Args:
        chain: the networks.
        encoder: encoder of the inputs, which says what they are for the soft network.
        values: encoded inputs, uint8 [time, batch, input].
        factors: factors of the temperature at which the soft network runs, `LEARNED` among them.
    """
    hard = run_hard(chain.hard, values)
    annealed = chain.soft is not None and chain.annealed
    naive = run_hard(chain.naive, values).logits if annealed else hard.logits
    soft: dict[float, SoftRun] = {}
    if chain.soft is not None:
        from ultralif_deploy.soft.training import real_inputs

        traces = chain.soft.at_factors(real_inputs(encoder, values), factors)
        for factor, trace in zip(factors, traces, strict=True):
            soft[factor] = _soft_run(chain, chain.soft, trace, keep=factor == LEARNED)
    return FloatRuns(hard, naive, soft)


def _soft_run(chain: Chain, network: "SoftNetwork", trace: "SoftTrace", *, keep: bool) -> SoftRun:
    """The figures of a soft trace, with its spikes if they are to be kept."""
    kept = chain.kept()
    spikes = {
        name: sent.cpu().numpy()[..., kept.get(name, slice(None))]
        for name, sent in trace.spikes.items()
        if keep
    }
    return SoftRun(
        trace.logits.cpu().numpy(),
        float(trace.spike_rate()),
        float(trace.output_rate(network.architecture.skip)),
        spikes,
    )
