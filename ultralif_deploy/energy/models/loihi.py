"""Loihi 1, as published and as SANA-FE fitted it; messages, hops and time of a placed run."""

from ultralif_deploy.energy.chips import ChipEvents
from ultralif_deploy.energy.counts import Events
from ultralif_deploy.energy.models.rows import CHIP, Row, synapses, total
from ultralif_deploy.errors import Refused


def loihi(events: Events) -> list[Row]:
    """Operations, updates, messages and hops at their published costs; idle power beside them.

    E = SOP·e_synop + U_active·e_active + U_inactive·e_inactive + messages·e_message + hops·e_hop,
    and P_static · time · chips. An update is active where the synaptic sum was not 0 or the neuron
    fired; what makes an update cheaper was not published in more detail. The chip updates all
    neurons of its cores in T + depth timesteps. Messages, hops and time are means of the samples
    that ran on the chip. A program that the chip refuses is priced by its own events alone, one
    message a spike, with neither hops nor idle power. Source: M. Davies et al., IEEE Micro 38(1),
    2018, table 2.
    """
    run = events.chips["loihi1"]
    rows = synapses(events, "synaptic_operation")
    for p in events.populations:
        active = total(p.active)
        rows.append(Row(p.name, "neuron", "update_active", active))
        rows.append(Row(p.name, "neuron", "update_inactive", p.updates * events.samples - active))
    if isinstance(run, str):
        sent = sum(total(spikes) for spikes in events.totals.spikes.values())
        return [*rows, Row(CHIP, "network", "message", sent)]
    neurons = sum(p.neurons for p in events.populations)
    waiting = neurons * (run.timesteps - events.timesteps) * events.samples
    rows.append(Row(CHIP, "neuron", "update_inactive", float(waiting)))
    if run.seconds is not None:
        rows.append(
            Row(CHIP, "idle", "static_power", _of_all(events, run, run.seconds * run.chips))
        )
    return rows + _network(events, run)


def sana_fe(events: Events) -> list[Row]:
    """E = SOP·e_synop + accesses·e_access + updates·e_update + spikes·e_spike + messages + hops.

    Every neuron of every core is accessed in every timestep of the chip, and updated where its
    membrane or bias is not 0 or a synapse was read for it. Source: SANA-FE 2.2.9, whose simulator
    this form reproduces on its own events (tests/energy/test_sanafe.py). Inputs enter at the edge
    here, without hops; SANA-FE places them on cores.

    Raises:
        Refused: the program does not fit the chip.
    """
    run = events.chips["loihi1"]
    if isinstance(run, str):
        raise Refused(run)
    rows = synapses(events, "synaptic_operation")
    for p in events.populations:
        accesses = p.neurons * run.timesteps * events.samples
        rows.append(Row(p.name, "neuron", "access", float(accesses)))
        rows.append(Row(p.name, "neuron", "spike", total(p.spikes)))
    rows.append(Row(CHIP, "neuron", "update", _of_all(events, run, run.updates_moved)))
    return rows + _network(events, run)


def _network(events: Events, run: ChipEvents) -> list[Row]:
    return [
        Row(CHIP, "network", "message", _of_all(events, run, run.messages)),
        Row(CHIP, "network", "hop_east_west", _of_all(events, run, run.hops_east_west)),
        Row(CHIP, "network", "hop_north_south", _of_all(events, run, run.hops_north_south)),
    ]


def _of_all(events: Events, run: ChipEvents, count: float) -> float:
    """A count of the samples that ran on the chip, scaled to all samples."""
    return count * events.samples / max(1, run.samples)
