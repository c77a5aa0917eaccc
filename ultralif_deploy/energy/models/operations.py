"""Models that price operations alone."""

from ultralif_deploy.energy.counts import Events
from ultralif_deploy.energy.models.rows import CHIP, Row, synapses, total


def operations(events: Events) -> list[Row]:
    """E = AC·e_accumulate + MAC·e_mac + N·T·e_compare + N_leaky·T·e_leak.

    AC and MAC are effective operations; all N neurons of all populations are updated in each of the
    T timesteps. Costs are those of bare arithmetic (M. Horowitz, ISSCC 2014): no memory.
    """
    rows = synapses(events)
    for p in events.populations:
        updates = float(p.updates * events.samples)
        rows.append(Row(p.name, "neuron", "compare", updates))
        if p.leaks:
            rows.append(Row(p.name, "neuron", "leak", updates))
    return rows


def synaptic(events: Events) -> list[Row]:
    """E = SOP·e_synop: one average for everything, as chips are usually compared."""
    return synapses(events, "synaptic_operation")


def platform(events: Events) -> list[Row]:
    """E = SOP·e_synop + N·T·e_update, every neuron in every timestep: KerasSpiking's rule."""
    rows = synaptic(events)
    rows += [
        Row(p.name, "neuron", "neuron_update", float(p.updates * events.samples))
        for p in events.populations
    ]
    return rows


def paper_proxy(events: Events) -> list[Row]:
    """E = T·s̄·N_syn·e_add per inference (UltraLIF, arXiv 2602.11206).

    s̄ is the unweighted mean of the hidden spike rates and N_syn the number of weights, borders
    exact and zeros counted. The input's own rate is not in s̄, though in a network 784-64-10 the
    input has 98.7 % of the weights; the counted operations beside it show the difference.
    """
    steps = events.samples * events.timesteps
    rates = [total(p.spikes) / (steps * p.neurons) for p in events.populations if p.fires]
    mean = sum(rates) / max(1, len(rates))
    return [Row(CHIP, "compute", "accumulate", mean * events.dense * events.samples)]
