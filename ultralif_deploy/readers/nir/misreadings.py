"""Warnings for NIR files that are easily misread, with the options that decide the meaning.

A NIR file holds differential equations. It does not say how the framework turned them into
timesteps, nor how its exporter changed the constants. Some values make a misreading likely.
"""

from collections.abc import Iterator, Mapping

import nir
import numpy as np

from ultralif_deploy.findings.assumptions import AMBIGUOUS
from ultralif_deploy.findings.findings import Finding
from ultralif_deploy.readers.nir.graph import inlined
from ultralif_deploy.readers.nir.neurons import POPULATIONS, Conventions
from ultralif_deploy.schema.measured import Population

RELATIVE_TOLERANCE = 1e-6
"""Relative difference up to which two time constants are the same."""


def misreadings(
    graph: nir.NIRGraph, how: Conventions, *, dt_is_default: bool, synapse_is_default: bool
) -> Iterator[Finding]:
    """A warning for each convention that was assumed and is likely to be another one.

    Args:
        graph: graph as read from the file.
        how: conventions that are assumed.
        dt_is_default: whether nothing told the timestep.
        synapse_is_default: whether nothing told how synapses take their input.
    """
    nodes, sources = inlined(graph)
    neurons = {n: one for n, one in nodes.items() if isinstance(one, POPULATIONS)}
    timed = [n for n, one in neurons.items() if not isinstance(one, nir.Threshold)]
    if dt_is_default and timed:
        yield Finding(
            AMBIGUOUS,
            f"the file does not say its timestep; {how.dt:g} s is assumed",
            "give --dt, the timestep that its framework used",
        )
        for name in memoryless(neurons, how):
            yield Finding(
                AMBIGUOUS,
                f"{name}: its time constant equals this timestep, so it has no memory from one "
                "timestep to the next",
                "give --dt; 0.0001 confirms it",
            )
    for name in neurons:
        if not sources[name]:
            yield Finding(
                AMBIGUOUS,
                f"{name}: no edge leads to this node; it gets no current",
                "add the edge to the file if it is missing",
            )
    for name in endless(neurons):
        yield Finding(
            AMBIGUOUS,
            f"{name}: tau and r are infinite; an input value is taken to raise the membrane by "
            "itself, as exporters mean it that write r = tau/dt",
            "write an IF node to say it",
        )
    if synapse_is_default:
        for name in pulsed(neurons, how):
            yield Finding(
                AMBIGUOUS,
                f"{name}: w_in is 1 and tau_syn is above a timestep, as in files of Norse "
                "and Rockpool, where an input raises the synaptic current at once; NIR's equation "
                "is assumed, in which the input is a current scaled by dt/tau_syn",
                "give --synapse pulse for a file of Norse or Rockpool, or --synapse current to "
                "confirm what is assumed",
            )


def deciding_ties(populations: Mapping[str, Population]) -> Iterator[Finding]:
    """A warning where an assumed rule of firing decided spikes.

    Args:
        populations: populations of the report, with the number of times that membranes met their
            thresholds exactly.
    """
    tied = {name: p["spikes_kept"]["ties"] for name, p in populations.items()}
    total = sum(tied.values())
    if total:
        names = ", ".join(name for name, ties in tied.items() if ties)
        yield Finding(
            AMBIGUOUS,
            f"{names}: {total:,} membrane potentials equal their threshold exactly, and these "
            "neurons do not fire, as NIR defines it",
            "give --fires at if the framework fires at v ≥ θ (SpikingJelly), or --fires above to "
            "confirm what is assumed",
        )


def memoryless(neurons: dict[str, nir.NIRNode], how: Conventions) -> Iterator[str]:
    """Neurons that keep nothing of their membrane by forward Euler."""
    for name, node in neurons.items():
        tau = _membrane_constant(node)
        if tau is None or how.discretization != "euler":
            continue
        if np.all(np.abs(np.asarray(tau, dtype=np.float64) / how.dt - 1) <= RELATIVE_TOLERANCE):
            yield name


def endless(neurons: dict[str, nir.NIRNode]) -> Iterator[str]:
    """Neurons whose membrane neither leaks nor has a finite gain."""
    for name, node in neurons.items():
        tau = _membrane_constant(node)
        if tau is not None and np.any(np.isposinf(np.asarray(tau, dtype=np.float64))):
            yield name


def pulsed(neurons: dict[str, nir.NIRNode], how: Conventions) -> Iterator[str]:
    """Neurons whose synapse looks as if it took pulses."""
    for name, node in neurons.items():
        if isinstance(node, (nir.CubaLIF, nir.CubaLI)):
            tau = np.asarray(node.tau_syn, dtype=np.float64)
            if np.all(np.asarray(node.w_in) == 1) and np.any(
                tau > how.dt * (1 + RELATIVE_TOLERANCE)
            ):
                yield name


def _membrane_constant(node: nir.NIRNode) -> object:
    """The time constant of a node's membrane; None where it has none."""
    return getattr(node, "tau", getattr(node, "tau_mem", None))
