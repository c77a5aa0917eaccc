"""The readings that a NIR file leaves open: which questions its nodes raise, and the answers.

A question is a field of `Conventions`. A graph without synapses does not ask what comes into them,
and a question that the user answered is closed. Timesteps are the user's, round numbers of
seconds, and those at which a node's gain r·Δt/τ is 1, as exporters choose it.
"""

import itertools
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields

import nir
import numpy as np

from ultralif_deploy.program.fixed import MAX_SPIKES
from ultralif_deploy.program.resets import RESETS
from ultralif_deploy.readers.nir.graph import inlined
from ultralif_deploy.readers.nir.neurons import (
    DISCRETIZATIONS,
    FIRING,
    POPULATIONS,
    SYNAPSES,
    Conventions,
)

Answer = str | int | float | None
Answers = dict[str, tuple[Answer, ...]]
"""Answers to try by question, the default first; one answer where the question is closed."""

QUESTIONS = tuple(one.name for one in fields(Conventions))

OPTIONS = {"reset_mode": "reset"}
"""Options whose names are not those of their questions."""

ASKED_BACK = ("dt", "fires", "synapse")
"""Questions about which an import may warn where the default is taken."""

ROUND_STEPS = (*(float(f"{digit}e{power}") for power in range(-7, 0) for digit in (1, 2, 5)), 1.0)
"""Timesteps in seconds: frameworks that count in timesteps have 1, an exporter of Norse 1e-6."""

UNIFORM = 1e-5
"""Relative difference up to which the values of one parameter are one value."""

RESETTING = (nir.IF, nir.LIF, nir.CubaLIF)
LEAKY = (nir.LIF, nir.CubaLIF, nir.LI, nir.CubaLI)
SYNAPTIC = (nir.CubaLIF, nir.CubaLI)


@dataclass(frozen=True, slots=True)
class Told:
    """What expected spikes say about the questions themselves.

    Attributes:
        most_spikes: most spikes of a neuron in one timestep.
        every_neuron: whether the spikes of all neurons that fire are expected.
        output_fires: whether spikes of the last neurons are expected.
        logits: whether logits are expected.
    """

    most_spikes: int
    every_neuron: bool
    output_fires: bool
    logits: bool


def open_answers(graph: nir.NIRGraph, given: Mapping[str, Answer], told: Told) -> Answers:
    """The answers to try for every question, by what the graph holds.

    Args:
        graph: graph as read from the file.
        given: answers of the user, by question; these questions are closed.
        told: what the expected spikes say about the questions.
    """
    nodes = [node for node in inlined(graph)[0].values() if isinstance(node, POPULATIONS)]

    def has(kinds: tuple[type, ...]) -> bool:
        return any(isinstance(node, kinds) for node in nodes)

    candidates: Answers = {
        "dt": timesteps(graph) if has((nir.I, nir.IF, *LEAKY)) or _delays(graph) else (),
        "discretization": DISCRETIZATIONS if has(LEAKY) else (),
        "reset_mode": tuple(RESETS) if has(RESETTING) else (),
        "fires": FIRING if has((nir.Threshold, *RESETTING)) else (),
        "synapse": SYNAPSES if has(SYNAPTIC) else tuple(_decaying(graph, nodes)),
        "read_out": _read_outs(told) if has(RESETTING) else (),
        "max_spikes": _most_spikes(told) if has(RESETTING) else (),
        "min_membrane": tuple(_floors(nodes)) if has(RESETTING) else (),
        "output_node": (),
    }
    plain = Conventions()
    found: Answers = {}
    for question, answers in candidates.items():
        default = getattr(plain, question)
        answers = (given[question],) if question in given else answers or (default,)
        found[question] = tuple(sorted(answers, key=lambda answer: answer != default))
    return found


def readings(answers: Answers) -> Iterator[Conventions]:
    """Every combination of answers that can be meant, those near the defaults first."""
    combined = (
        dict(zip(answers, values, strict=True)) for values in itertools.product(*answers.values())
    )
    possible = (one for one in combined if one["max_spikes"] == 1 or _several(one))
    made = [Conventions(**one) for one in possible]  # type: ignore[arg-type]
    yield from sorted(made, key=lambda how: len(_unusual(how)))


def timesteps(graph: nir.NIRGraph) -> tuple[float, ...]:
    """Timesteps to try: those that the constants of the nodes suggest, then round numbers."""
    found = [step for node in inlined(graph)[0].values() for step in _unit_gain_steps(node)]
    return tuple(dict.fromkeys((Conventions().dt, *found, *ROUND_STEPS)))


def option_words(how: Conventions, said: Container[str]) -> str:
    """The options that give a reading.

    Args:
        how: the reading.
        said: questions that are answered even where the answer is the default.
    """
    unusual = _unusual(how)
    wanted = [question for question in QUESTIONS if question in said or question in unusual]
    return " ".join(f"--{option_name(name)} {_word(getattr(how, name))}" for name in wanted)


def option_name(question: str) -> str:
    """The option that answers a question, without its dashes."""
    return OPTIONS.get(question, question).replace("_", "-")


def _word(answer: Answer) -> str:
    return f"{answer:g}" if isinstance(answer, float) else str(answer)


def _unusual(how: Conventions) -> list[str]:
    """Questions that a reading does not answer by default."""
    plain = Conventions()
    return [name for name in QUESTIONS if getattr(how, name) != getattr(plain, name)]


def _several(one: Mapping[str, Answer]) -> bool:
    return one["reset_mode"] == "subtract"


def _delays(graph: nir.NIRGraph) -> bool:
    return any(isinstance(node, nir.Delay) for node in inlined(graph)[0].values())


def _read_outs(told: Told) -> tuple[Answer, ...]:
    """Membranes are read only where logits are expected, and no spikes of the same neurons."""
    return ("spikes", "membrane") if told.logits and not told.output_fires else ()


def _most_spikes(told: Told) -> tuple[Answer, ...]:
    """As often as was seen, or without a limit."""
    if told.most_spikes > 1:
        return tuple(dict.fromkeys((MAX_SPIKES, told.most_spikes)))
    return () if told.every_neuron else (1, MAX_SPIKES)


def _decaying(graph: nir.NIRGraph, nodes: Iterable[nir.NIRNode]) -> Iterator[str]:
    """Nothing; and, where every LIF node has r = τ·e^(−Δt/τ)/Δt as Rockpool writes it, both ways.

    Args:
        graph: graph as read from the file; its constants suggest Δt.
        nodes: its neurons, none with a synapse.
    """
    leaky = [node for node in nodes if isinstance(node, nir.LIF)]
    for step in timesteps(graph) if leaky else ():
        if all(
            np.allclose(node.r * step, node.tau * np.exp(-step / node.tau), rtol=UNIFORM, atol=0)
            for node in leaky
        ):
            yield from ("current", "decaying-pulse")
            return


def _floors(nodes: Iterable[nir.NIRNode]) -> Iterator[Answer]:
    """No lower bound; and, as Sinabs has it, minus the threshold where all neurons share one."""
    yield None
    thresholds = [np.ravel(node.v_threshold) for node in nodes if isinstance(node, RESETTING)]
    shared = _one_value(np.concatenate(thresholds))
    if shared is not None and shared > 0:
        yield -shared


def _unit_gain_steps(node: nir.NIRNode) -> Iterator[float]:
    """Timesteps at which what comes into a node is not scaled: r·Δt/τ = 1, or r·Δt = 1."""
    if isinstance(node, (nir.I, nir.IF)):
        pairs = [(1.0, node.r)]
    elif isinstance(node, (nir.LI, nir.LIF)):
        pairs = [(node.tau, node.r)]
    elif isinstance(node, SYNAPTIC):
        pairs = [(node.tau_mem, node.r), (node.tau_syn, node.w_in)]
    else:
        pairs = []
    for tau, factor in pairs:
        with np.errstate(divide="ignore", invalid="ignore"):
            step = _one_value(np.asarray(tau, np.float64) / np.asarray(factor, np.float64))
        if step is not None and step > 0:
            yield step


def _one_value(values: np.ndarray) -> float | None:
    """The value that all of them have, to six digits; None where they differ."""
    flat = np.ravel(np.asarray(values, dtype=np.float64))
    if not flat.size or not np.isfinite(flat).all():
        return None
    if np.ptp(flat) > UNIFORM * np.abs(flat).max():
        return None
    return float(f"{flat.mean():.6g}")
