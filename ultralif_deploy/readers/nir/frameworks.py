"""What the frameworks that write NIR files compute: one answer to every open question each.

An answer is what the framework's own neurons do by default, in a file that its own exporter wrote
by default. Where a network was trained with other settings, options override single answers.

Source: the exporters of Norse 1.1, snnTorch 1.0, SpikingJelly 2.0, Sinabs 3.1 and Rockpool 3.1,
and Lava 0.10's floating-point LIF; every entry is compared with its framework in
`tests/readers/test_frameworks.py`.
"""

from collections.abc import Callable

import nir
import numpy as np

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.program.fixed import MAX_SPIKES
from ultralif_deploy.readers.nir.graph import inlined
from ultralif_deploy.readers.nir.readings import LEAKY, SYNAPTIC, Answer

NORSE_STEP = 1e-3
"""Norse's default timestep in seconds; its exporter multiplies time constants by it by default."""

Reading = dict[str, Answer]
"""Answers by question."""


def framework_reading(name: str, graph: nir.NIRGraph) -> Reading:
    """The answers of a framework to every question that has one.

    Args:
        name: a key of `FRAMEWORKS`.
        graph: graph as read from the file; some answers depend on its constants.

    Raises:
        UltralifError: no such framework, or a file that it cannot mean.
    """
    if name not in FRAMEWORKS:
        raise UltralifError(f"like {name!r}; expected one of {', '.join(FRAMEWORKS)}")
    return FRAMEWORKS[name](graph)


def _norse(graph: nir.NIRGraph) -> Reading:
    """Inputs of LIFCell are pulses; an IF node adds what comes in as it is."""
    nodes = inlined(graph)[0].values()
    leaky = [node for node in nodes if isinstance(node, LEAKY)]
    adding = any(isinstance(node, nir.IF) for node in nodes)
    if leaky and adding:
        raise UltralifError(
            "--like norse: Norse's IF nodes take their inputs as they are and its other neurons "
            "scale them by dt, which no timestep does at once; expected a file with one of both"
        )
    shortest = min((_shortest(node) for node in leaky), default=1.0)
    scaled = shortest < NORSE_STEP
    dt = 1.0 if not leaky else NORSE_STEP * NORSE_STEP if scaled else NORSE_STEP
    return _answers(dt=dt, synapse="pulse")


def _snntorch(graph: nir.NIRGraph) -> Reading:
    """Resets subtract the threshold in the timestep after a spike."""
    del graph
    return _answers(dt=1e-4, reset_mode="late-subtract")


def _spikingjelly(graph: nir.NIRGraph) -> Reading:
    del graph
    return _answers(dt=1e-4, fires="at")


def _sinabs(graph: nir.NIRGraph) -> Reading:
    """Time constants are numbers of timesteps."""
    del graph
    return _answers(dt=1.0, **_EXPONENTIAL, max_spikes=MAX_SPIKES)


def _rockpool(graph: nir.NIRGraph) -> Reading:
    del graph
    return _answers(dt=1e-3, **_EXPONENTIAL, max_spikes=MAX_SPIKES, synapse="decaying-pulse")


def _lava(graph: nir.NIRGraph) -> Reading:
    del graph
    return _answers(dt=1e-4)


FRAMEWORKS: dict[str, Callable[[nir.NIRGraph], Reading]] = {
    "norse": _norse,
    "snntorch": _snntorch,
    "spikingjelly": _spikingjelly,
    "sinabs": _sinabs,
    "rockpool": _rockpool,
    "lava": _lava,
}

_EXPONENTIAL: Reading = {
    **{"discretization": "exponential", "reset_mode": "subtract", "fires": "at"},
}


def _answers(**different: Answer) -> Reading:
    """NIR's own equation in forward Euler, with the answers that are different."""
    plain: Reading = {
        **{"discretization": "euler", "reset_mode": "value", "fires": "above"},
        **{"synapse": "current", "max_spikes": 1},
    }
    return plain | different


def _shortest(node: nir.NIRNode) -> float:
    """The shortest time constant of a leaky node."""
    names = ("tau_mem", "tau_syn") if isinstance(node, SYNAPTIC) else ("tau",)
    return min(float(np.min(getattr(node, name))) for name in names)
