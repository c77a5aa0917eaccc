"""Streams: inputs that arrive one timestep after the other give what a whole run gives."""

import numpy as np
import pytest
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from support.comparisons import holds
from support.hardware import smallest_program
from support.strategies.programs import programs, second_order_programs
from support.strategies.shapes import MODES, inputs_for
from ultralif_deploy import stream
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.simulators.reference import simulator as reference

TWO_BITS = np.array([[1, 0]], dtype=np.uint8)


def test_streams_give_the_spikes_and_logits_of_the_reference() -> None:
    def check(data: st.DataObject) -> None:
        program = data.draw(st.one_of(programs(), second_order_programs()))
        inputs = data.draw(inputs_for(program, program.timesteps, len(MODES)))
        expected = reference.load(program).run(inputs, record=True)
        running = stream(program, inputs.shape[1])
        for begun in range(2):  # the second time after a reset
            traces = [running.step(now) for now in inputs[: len(inputs) - begun]]
            for t, trace in enumerate(traces):
                for name, spikes in (trace.spikes or {}).items():
                    assert_array_equal(spikes[0], expected.spikes[name][t], name)  # type: ignore[index]
            if not begun:
                assert_array_equal(traces[-1].logits, expected.logits)
            running.reset()

    holds(check, st.data(), examples=40)


def test_logits_of_earlier_timesteps_stay() -> None:
    running = stream(smallest_program())
    logits = [running.step(TWO_BITS).logits for _ in range(3)]
    assert [value.tolist() for value in logits] == [[[1, -1]], [[2, -2]], [[3, -3]]]


def test_a_wrong_input_changes_nothing() -> None:
    running = stream(smallest_program())
    running.step(TWO_BITS)
    for wrong, line in (
        (TWO_BITS[0], r"inputs of one timestep are \(2,\); expected \(1, 2\)"),
        (TWO_BITS.repeat(2, axis=0), r"are \(2, 2\); expected \(1, 2\)"),
        (TWO_BITS.astype(np.int64), "inputs are int64"),
        (2 * TWO_BITS, "inputs reach 2; the program takes at most 1"),
    ):
        with pytest.raises(UltralifError, match=line):
            running.step(wrong)
    assert running.timesteps == 1
    assert running.step(TWO_BITS).logits.tolist() == [[2, -2]]


def test_a_stream_ends_where_the_accumulators_do() -> None:
    running = stream(smallest_program())
    running.timesteps = 2**31 // 2  # as if it had run so long
    with pytest.raises(UltralifError, match="pass 32 bits; at most 1073741823 timesteps"):
        running.step(TWO_BITS)
