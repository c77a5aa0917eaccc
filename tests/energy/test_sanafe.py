"""SANA-FE runs our programs on its own model of Loihi: same spikes, operations, messages, joules.

SANA-FE 2.2.9 gets the synapses, registers and input spikes, and computes all other spikes itself.
Its rules, as its kernel applies them (src/chip.cpp, pipeline.hpp, models.cpp, schedule.cpp):
- A spike is one message to every core that holds a synapse of it, and there one operation for
  every synapse, whatever its weight; so synapses of weight 0 are left out. Operations and messages
  belong to the timestep in which the spike is sent; the sums act in the next: L layers take T + L.
- All neurons of all cores are accessed in every timestep. One is updated if its membrane was not 0
  before the timestep, or a synapse was read for it in the timestep before (even where the sum is
  0), or its bias is not 0, or it fires, which no neuron here does without one of these.
- Input neurons cost nothing themselves; their messages and hops cost what all do.
- Hops are those between the routers of tiles, whose cores share one.
- Time of a timestep (`simple`): the slower of the slowest core at sending (its neurons and messages
  one after the other) and the slowest at receiving, and a barrier by the tiles in use. `detailed`
  puts the messages in order and can only be slower.
"""

import functools
import os

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from support.foreign.sanafe_networks import (
    COLUMN,
    CORES,
    FEED_FORWARD,
    NETWORKS,
    PYTHON,
    TILE_CORES,
    Case,
    case,
    membrane,
)
from ultralif_deploy.energy.devices import load_device
from ultralif_deploy.program.graph import INPUT
from ultralif_deploy.program.program import Population

CONSTANTS = {
    "operations": "synaptic_operation",
    "accesses": "access",
    "updated": "update",
    "fired": "spike",
    "messages": "message",
    "hops_east_west": "hop_east_west",
    "hops_north_south": "hop_north_south",
}
"""Of our own device file, by the events that they price."""
NANOSECONDS = {
    "operation": 3.8,
    "message_in": 16.0,
    "access": 6.0,
    "update": 3.7,
    "fire": 30.0,
    "message_out": 5.1,
}
BARRIER_NS = {1: 600.0, 2: 1000.0, 4: 1400.0, 29: 1800.0}
"""From so many tiles on. Both tables: SANA-FE 2.2.9, examples/loihi.yaml, dense synapses."""

BARRIER_MOST_NS = 465.0
"""Of ours; M. Davies et al., Loihi, IEEE Micro 38(1), 2018, table 2."""

pytestmark = pytest.mark.skipif(
    PYTHON not in os.environ and not os.environ.get("CI"),
    reason=f"{PYTHON} does not name a Python with SANA-FE (.ci/sanafe-env makes one)",
)


def updated(c: Case, population: Population) -> np.ndarray:
    """Neurons that SANA-FE updates, bool [step, sample, neuron], by the rule of this module."""
    values = membrane(population)
    incoming = [
        (q.source, c.made.placement.synapses[q.name]) for q in c.program.incoming(population.name)
    ]
    fired = c.spikes[population.name].astype(bool)
    made = np.zeros(fired.shape, dtype=bool)
    v = np.zeros(fired.shape[1:], dtype=np.int64)
    read, current = np.zeros(v.shape, dtype=bool), np.zeros(v.shape, dtype=np.int64)
    for step in range(c.steps):
        made[step] = (v != 0) | read | (values["bias"] != 0)
        v = np.sign(v) * ((np.abs(v) * (4096 - values["decay"])) >> 12)
        v = v + 64 * current + values["bias"]
        assert_array_equal(v > values["threshold"], fired[step])
        v = np.where(fired[step], values["reset"], v)
        sent = {source: c.spikes[source][step].astype(np.int64) for source, _ in incoming}
        current = sum(sent[source] @ rows for source, rows in incoming)
        read = sum(sent[source] @ (rows != 0).astype(np.int64) for source, rows in incoming) > 0
    return made


def hops(c: Case, name: str) -> np.ndarray:
    """East-west and north-south hops of a spike of each neuron, int64 [2, neuron]."""
    x, y = np.divmod(np.arange(CORES) // TILE_CORES, COLUMN)
    reached = sum(np.minimum(ops, 1) for ops in c.reach(name).values())
    here = c.core[name]
    return np.stack([(reached * np.abs(axis[here][:, None] - axis)).sum(axis=1) for axis in (x, y)])


def events(c: Case) -> dict[str, int]:
    """What the closed form of the energy multiplies, totals over all samples."""
    samples = c.inputs.shape[1]
    total = dict.fromkeys(CONSTANTS, 0)
    total["accesses"] = sum(p.size for p in c.program.populations) * c.steps * samples
    for name, spikes in c.spikes.items():
        fired = spikes.sum(axis=(0, 1), dtype=np.int64)
        for ops in c.reach(name).values():
            total["operations"] += int(fired @ ops.sum(axis=1))
            total["messages"] += int(fired @ (ops > 0).sum(axis=1))
        if c.reach(name):
            east_west, north_south = hops(c, name) @ fired
            total["hops_east_west"] += int(east_west)
            total["hops_north_south"] += int(north_south)
        if name != INPUT:
            total["fired"] += int(fired.sum())
            total["updated"] += int(updated(c, c.program.population(name)).sum())
    return total


def busy_ns(c: Case) -> tuple[np.ndarray, np.ndarray]:
    """Time of the slowest core at sending and at receiving, float64 [sample, step] each."""
    ns = NANOSECONDS
    sending = np.zeros((c.inputs.shape[1], c.steps, CORES))
    receiving = np.zeros_like(sending)
    for name, spikes in c.spikes.items():
        fired = spikes.astype(np.int64).transpose(1, 0, 2)
        member = np.zeros((len(c.core[name]), CORES))
        member[np.arange(len(member)), c.core[name]] = 1
        messages = np.zeros(fired.shape)
        for ops in c.reach(name).values():
            receiving += fired @ (ns["message_in"] * (ops > 0) + ns["operation"] * ops)
            messages += fired * (ops > 0).sum(axis=1)
        work = ns["message_out"] * messages
        if name != INPUT:
            did = updated(c, c.program.population(name)).transpose(1, 0, 2)
            work = work + ns["access"] + ns["update"] * did + ns["fire"] * fired
        sending += work @ member
    return sending.max(axis=2), receiving.max(axis=2)


def barrier_ns(c: Case) -> float:
    tiles = len(np.unique(np.concatenate(list(c.core.values())) // TILE_CORES))
    return BARRIER_NS[max(least for least in BARRIER_NS if least <= tiles)]


@pytest.mark.parametrize("name", NETWORKS)
def test_sanafe_fires_every_spike_and_ends_with_our_logits(name: str) -> None:
    c = case(name)
    fired = {k: np.zeros_like(v) for k, v in c.spikes.items()}
    for sample, run in enumerate(c.found):
        for step, group, neuron in run["fired"]:
            fired[group][step, sample, neuron] += 1
        if not c.program.delayed:  # else spikes come back for ever
            assert run["potentials"][-1] == c.trace.logits[sample].tolist()
    for group, spikes in c.spikes.items():
        assert_array_equal(fired[group], spikes, group)
    assert c.trace.spikes is not None
    for group, spikes in c.trace.spikes.items():
        assert spikes.any()
        start = c.depth(group)
        assert_array_equal(fired[group][start : start + len(spikes)], spikes, group)


@pytest.mark.parametrize("name", NETWORKS)
def test_operations_of_every_projection_and_sample_are_equal(name: str) -> None:
    """Of the messages sent in T timesteps; a delayed projection does not see the last."""
    c = case(name)
    target = {core: group for group, cores in c.core.items() for core in cores.tolist()}
    found = {k: np.zeros_like(v) for k, v in c.trace.counts.synaptic_operations.items()}
    for sample, run in enumerate(c.found):
        for m in run["messages"]:
            projection = f"{m['source']}->{target[m['core']]}"
            acts = m["step"] - c.depth(m["source"]) + (projection in c.program.delayed)
            if acts < c.program.timesteps:
                found[projection][sample] += m["operations"]
    for projection, operations in c.trace.counts.synaptic_operations.items():
        assert operations.any()
        assert_array_equal(found[projection], operations, projection)


@pytest.mark.parametrize("name", FEED_FORWARD)
def test_totals_are_those_of_our_counts_and_of_our_chip(name: str) -> None:
    c = case(name)
    counts, activity = c.trace.counts.as_dict(), c.made.activity
    total = {k: sum(run[k] for run in c.found) for k in ("spikes", "packets_sent", "neurons_fired")}
    assert total["spikes"] == sum(counts["synaptic_operations"].values())
    assert total["packets_sent"] == activity.messages
    assert total["neurons_fired"] == sum(counts["spikes"].values())
    # Ours enter at the edge of the chip, without hops; SANA-FE's have a core.
    sent = [m for run in c.found for m in run["messages"] if m["source"] != INPUT]
    for axis, direction in enumerate(("east_west", "north_south")):
        assert sum(m[direction] for m in sent) == activity.hops[axis]
    assert activity.hops.any() == (name != "one core per layer")


@pytest.mark.parametrize("name", NETWORKS)
def test_the_closed_form_gives_the_joules(name: str) -> None:
    c = case(name)
    total = events(c)
    inputs = int(c.inputs.sum())
    assert total["operations"] == sum(run["spikes"] for run in c.found)
    assert total["messages"] == sum(run["packets_sent"] for run in c.found)
    assert total["fired"] + inputs == sum(run["neurons_fired"] for run in c.found)
    assert total["updated"] + inputs == sum(run["neurons_updated"] for run in c.found)
    assert total["hops_east_west"] + total["hops_north_south"] == sum(r["hops"] for r in c.found)
    constants = load_device("loihi1-sanafe").constants
    joules = {k: n * (constants[CONSTANTS[k]].joule() or 0.0) for k, n in total.items()}
    energy = {k: sum(run["energy"][k] for run in c.found) for k in c.found[0]["energy"]}
    close = functools.partial(pytest.approx, rel=1e-9)
    assert energy["synapse"] == close(joules["operations"])
    assert energy["soma"] == close(joules["accesses"] + joules["updated"] + joules["fired"])
    network = ("messages", "hops_east_west", "hops_north_south")
    assert energy["network"] == close(sum(joules[k] for k in network))
    assert energy["total"] == close(sum(joules.values()))


@pytest.mark.parametrize("name", NETWORKS)
def test_the_closed_form_gives_the_time(name: str) -> None:
    c = case(name)
    simple = np.array([run["step_s"]["simple"] for run in c.found])
    detailed = np.array([run["step_s"]["detailed"] for run in c.found])
    expected = 1e-9 * (np.maximum(*busy_ns(c)) + barrier_ns(c))
    np.testing.assert_allclose(simple, expected, rtol=1e-9)
    assert np.all(detailed >= simple * (1 - 1e-12))


@pytest.mark.parametrize("name", NETWORKS)
def test_our_time_is_below_that_of_sanafe_and_within_a_proved_bound(name: str) -> None:
    """The two differ by intent: on these networks SANA-FE's `simple` time is 1.7 to 6.2 times ours.

    Ours are Loihi's published constants: nothing for a message or a spike, a barrier of 113 to
    465 ns. SANA-FE's are fitted: 16 ns to receive a message, 5.1 to send it, 30 for a spike, a
    barrier of 600 ns at least. Ours puts a core's operations and its updates one after the other,
    where SANA-FE takes the slower of the two. So the proved bound, barriers apart: an operation
    takes 3.5 ≤ 3.8 ns, an idle update 5.3 ≤ 6.0, an active one 8.4 ≤ 6.0 + 3.7, and what is active
    here is updated there; each of our timesteps is at most SANA-FE's receiving in the one before
    and its sending in the same.
    """
    c = case(name)
    activity, total = c.made.activity, events(c)
    assert activity.timesteps == c.steps * c.inputs.shape[1]
    assert activity.active.sum() + activity.inactive.sum() == total["accesses"]
    assert activity.active.sum() <= total["updated"]
    busy = sum(part.sum() for part in busy_ns(c))
    assert activity.seconds <= 1e-9 * (busy + activity.timesteps * BARRIER_MOST_NS)
    theirs = sum(sum(run["step_s"]["simple"]) for run in c.found)
    assert 1.6 < theirs / activity.seconds < 6.5
