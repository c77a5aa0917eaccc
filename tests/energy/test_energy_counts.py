"""Events counted by hand, and by the simulated chip."""

from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from support.comparisons import holds
from support.networks.energy_programs import counted, program
from support.strategies.programs import programs
from support.strategies.shapes import inputs_for
from ultralif_deploy.energy.counts import as_dict, full_fan_out
from ultralif_deploy.errors import Refused
from ultralif_deploy.program.convolution import Conv2d
from ultralif_deploy.simulators.loihi import simulator as loihi


def test_counts_by_hand() -> None:
    # Input 0 reaches both neurons, input 1 only the second: fan-outs 2 and 1, two spikes each.
    # h fires (1, 1), (0, 1), (1, 1): 5 spikes with one synapse each.
    events = counted(program())
    assert events.totals.as_dict()["synaptic_operations"] == {"input->h": 6, "h->out": 5}
    assert events.totals.as_dict()["spikes"] == {"input": 4, "h": 5}
    first, second = events.projections
    assert (first.operations.tolist(), first.stored.tolist(), first.spikes.tolist()) == (
        [6],
        [8],
        [4],
    )
    assert (first.dense, second.dense, events.dense) == (12, 6, 18)
    assert (first.once.tolist(), second.once.tolist()) == ([3], [2])
    hidden, readout = events.populations
    # h.0 is at rest in the second timestep; the read-out's sum is 5 − 4, −4, 5 − 4.
    assert (hidden.active.tolist(), readout.active.tolist()) == ([5], [3])
    assert (hidden.updates, readout.updates) == (6, 3)
    assert (hidden.state_bits, readout.state_bits) == (0, 32)
    # Currents reach 3 and 9: 2 and 4 bits, and a sign.
    assert (hidden.current_bits, readout.current_bits) == (3, 5)


def test_memory_accesses_by_hand() -> None:
    """An operation reads 8 bits of weight, an update a threshold, and a bias where there is one."""
    plain = program()
    bias = replace(plain.populations[0], bias=np.array([0, 1]))
    biased = replace(plain, populations=(bias, plain.populations[1]))
    found = as_dict(counted(biased))
    assert [p["weight_bits_read"] for p in found["projections"].values()] == [8 * 6, 8 * 5]
    reads = {n: (p["bias_reads"], p["threshold_reads"]) for n, p in found["populations"].items()}
    assert reads == {"h": (6, 6), "out": (0, 0)}


def test_graded_inputs_count_as_multiplications() -> None:
    assert [p.multiplies for p in counted(program(255)).projections] == [True, False]
    assert counted(program(255)).totals.as_dict()["multiply_accumulates"] == 6


def test_dense_operations_end_at_borders() -> None:
    # 3×3 with padding 1 on 4×4: 10 row offsets, 10 column offsets.
    linear = Conv2d(np.zeros((2, 1, 3, 3), dtype=np.int8), (1, 4, 4), padding=(1, 1))
    assert full_fan_out(linear).sum() == 2 * 10 * 10
    assert linear.fan_out().sum() == 0


def test_blocks_and_samples_add_up() -> None:
    def check(data: st.DataObject) -> None:
        drawn = data.draw(programs())
        inputs = data.draw(inputs_for(drawn, drawn.timesteps, 3))
        together = counted(drawn, inputs)
        alone = [counted(drawn, inputs[:, i : i + 1]) for i in range(3)]
        for k, p in enumerate(together.projections):
            for name in ("spikes", "operations", "stored", "once"):
                single = [getattr(e.projections[k], name)[0] for e in alone]
                assert getattr(p, name).tolist() == single
            assert np.all(p.operations <= p.stored)
            assert np.all(p.stored <= p.dense)
        for k, q in enumerate(together.populations):
            assert q.active.tolist() == [e.populations[k].active[0] for e in alone]
            assert np.all((q.spikes <= q.active) & (q.active <= q.updates))

    holds(check, st.data(), examples=60)


def test_active_updates_are_those_of_the_chip() -> None:
    def check(data: st.DataObject) -> None:
        drawn = data.draw(programs(kinds=("threshold", "lif"), delayed=False))
        inputs = data.draw(inputs_for(drawn, drawn.timesteps, 3))
        try:
            chip = loihi.load2(drawn)
        except Refused:
            return
        chip.run(inputs)
        own = sum(int(p.active.sum()) for p in counted(drawn, inputs).populations)
        assert int(chip.activity.active.sum()) == own

    holds(check, st.data(), examples=60)
