"""Updates of leaky neurons over several timesteps, in 32-bit lanes of vector registers (Numba).

The membranes of WORD_LANES neurons stay in a register from the first timestep to the last.
`fits` says for which populations no intermediate value passes 32 bits.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from ultralif_deploy.program.fixed import INT32_MAX, largest_held
from ultralif_deploy.program.neurons import LIF, CubaLIF
from ultralif_deploy.program.resets import RESETS
from ultralif_deploy.simulators.fast.calls import update
from ultralif_deploy.simulators.fast.whole.tables import BITS, FRACTION, STATE, TOP, VALUES, WIDTH
from ultralif_deploy.simulators.native.callbacks import Callback
from ultralif_deploy.simulators.native.vectors import (
    INT32,
    INT64,
    WORD_LANES,
    load,
    pointers,
    splat,
    store,
)

MOST_DECAY_BITS = 15
"""Most fraction bits of decays: a product of two numbers of 15 bits fits a lane."""

WORDS = ir.VectorType(INT32, WORD_LANES)
BYTES = ir.VectorType(ir.IntType(8), WORD_LANES)


def fits(neuron: LIF | CubaLIF, bound: int, bias: np.ndarray) -> bool:
    """Whether 32 bits hold all that an update computes.

    Args:
        neuron: neurons that spike at most once in a timestep.
        bound: largest |I| of the population (`Program.current_bounds`).
        bias: int64 [neuron], in membrane units.
    """
    drive = (bound << neuron.fraction_bits) + int(np.abs(bias).max(initial=0))
    reset = int(np.abs(neuron.reset.astype(np.int64)).max(initial=0))
    top = largest_held(neuron.membrane_bits)
    # A synaptic current is saturated before it drives the membrane.
    total = top + max(drive, top + reset) if neuron.WORDS > 1 else top + drive + reset
    return neuron.most_spikes == 1 and neuron.decay_bits <= MOST_DECAY_BITS and total <= INT32_MAX


PARAMETERS = ("bias", "limit", "keep", "reset", "floor")
"""Rows of the parameters of neurons, by name."""

SYNAPTIC_PARAMETERS = (*PARAMETERS, "synaptic keep")
"""The same for neurons behind a synaptic current."""


def parameters(neuron: LIF | CubaLIF, bias: np.ndarray) -> np.ndarray:
    """The rows of `PARAMETERS` or of `SYNAPTIC_PARAMETERS`, int32 [parameter, neuron].

    Args:
        neuron: neurons that `fits` accepts.
        bias: int64 [neuron], in membrane units.
    """
    one = 1 << neuron.decay_bits
    top = np.full(len(bias), largest_held(neuron.membrane_bits))
    floor = -top if neuron.floor is None else neuron.floor
    rows = [bias, neuron.threshold, one - neuron.decay.astype(np.int64), neuron.reset, floor]
    if neuron.WORDS > 1:
        rows.append(one - neuron.parameters()["synaptic_decay"].astype(np.int64))
    return np.stack(rows).astype(np.int32)


def _clamped(builder: Any, value: Any, top: Any) -> Any:
    """A vector saturated to ±top."""
    bottom = builder.sub(WORDS(None), top)
    above = builder.icmp_signed(">", value, top)
    value = builder.select(above, top, value)
    return builder.select(builder.icmp_signed("<", value, bottom), bottom, value)


def _leaked(builder: Any, v: Any, keep: Any, bits: Any) -> Any:
    """sgn(v)·((|v|·keep) >> bits), with |v| in two parts whose products fit a lane."""
    sign = builder.ashr(v, WORDS([31] * WORD_LANES))
    size = builder.sub(builder.xor(v, sign), sign)
    high = builder.lshr(size, bits)
    low = builder.sub(size, builder.shl(high, bits))
    kept = builder.add(builder.mul(high, keep), builder.lshr(builder.mul(low, keep), bits))
    return builder.sub(builder.xor(kept, sign), sign)


def _fired(builder: Any, mode: str, v: Any, total: Any, p: dict[str, Any]) -> tuple[Any, Any]:
    """Which neurons fire, and their membranes after the reset, as `resets.RESETS` says."""
    limit, reset, top = p["limit"], p["reset"], p["top"]
    if mode.startswith(("late", "immediate")):
        held = builder.icmp_signed(">", v, limit)
        less = builder.sub(total, reset)
        before = builder.select(held, reset if mode == "late-value" else less, total)
    if mode.startswith("late"):
        total = before
    u = _clamped(builder, before if mode == "immediate-subtract" else total, top)
    fires = builder.icmp_signed(">", u, limit)
    if mode == "value":
        u = builder.select(fires, reset, u)
    elif mode == "subtract":
        u = builder.select(fires, _clamped(builder, builder.sub(u, reset), top), u)
    elif mode == "immediate-subtract":
        u = _clamped(builder, builder.select(fires, builder.sub(total, reset), total), top)
    return fires, u


MODES = tuple((mode, synaptic) for synaptic in (False, True) for mode in RESETS)
"""Reset modes, first of membranes alone and then of those behind a synaptic current."""


@intrinsic(prefer_literal=True)
def run(
    typing: Any,
    number: Any,
    current: Any,
    place: Any,
    step: Any,
    values: Any,
    at: Any,
    v: Any,
    first: Any,
    spikes: Any,
    out: Any,
    time: Any,
    count: Any,
    words: Any,
) -> Any:
    """Run `count` neurons of a sample over `time` timesteps.

    Args:
        typing: Numba's typing context.
        number: position in `MODES`, known when this is compiled.
        current: int32; that of neuron n at t is current[place + t·step + n].
        place: see there.
        step: see there.
        values: int32; the rows of `parameters` begin at `at`, `count` apart.
        at: see there.
        v: int32; the membranes from `first` on, and behind them the synaptic currents, changed in
            place.
        first: see there.
        spikes: uint8; spikes[out + t·step + n] is overwritten.
        out: see there.
        time: timesteps.
        count: neurons, a multiple of WORD_LANES.
        words: int64 triple: decay_bits, fraction_bits, largest membrane.
    """
    del typing
    mode, synaptic = MODES[number.literal_value]

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        currents, table, state, sent = pointers(context, builder, signature, arguments, 1, 4, 6, 8)
        _, _, place, step, _, at, _, first, _, out, time, count, words = arguments

        def uniform(position: int) -> Any:
            value = builder.extract_value(words, position)
            return splat(builder, builder.trunc(value, INT32), WORDS)

        bits, fraction, top = (uniform(k) for k in range(3))
        with cgutils.for_range_slice(builder, INT64(0), count, INT64(WORD_LANES), inc=True) as (
            n,
            _,
        ):
            p = {"top": top}
            for row, name in enumerate(SYNAPTIC_PARAMETERS if synaptic else PARAMETERS):
                start = builder.add(builder.add(at, n), builder.mul(count, INT64(row)))
                p[name] = load(builder, table, start, WORDS)
            places = [builder.add(first, n)]
            places += [builder.add(places[0], count)] if synaptic else []
            state_words = []
            for position in places:
                before = load(builder, state, position, WORDS)
                state_words.append(cgutils.alloca_once(builder, WORDS))
                builder.store(before, state_words[-1])
            v = state_words[0]
            with cgutils.for_range(builder, time, intp=INT64) as loop:
                later = builder.add(builder.mul(loop.index, step), n)
                found = load(builder, currents, builder.add(place, later), WORDS)
                drive = builder.add(builder.shl(found, fraction), p["bias"])
                if synaptic:
                    kept = _leaked(builder, builder.load(state_words[1]), p["synaptic keep"], bits)
                    drive = _clamped(builder, builder.add(kept, drive), top)
                    builder.store(drive, state_words[1])
                held = builder.load(v)
                total = builder.add(_leaked(builder, held, p["keep"], bits), drive)
                fires, after = _fired(builder, mode, held, total, p)
                low = builder.icmp_signed("<", after, p["floor"])
                builder.store(builder.select(low, p["floor"], after), v)
                store(builder, builder.zext(fires, BYTES), sent, builder.add(out, later))
            for position, one in zip(places, state_words, strict=True):
                store(builder, builder.load(one), state, position)
        return context.get_dummy_value()

    index = types.int64
    kinds = (number, current, index, index, values, index, v, index, spikes, index)
    return types.void(*kinds, index, index, types.UniTuple(index, 3)), generate


def _updating(number: int) -> Callback:
    """The update for one of `MODES`."""

    @update
    def leaky(  # type: ignore[no-untyped-def]
        one, values, current, outer, inner, states, each, first, sent, begin, samples, steps
    ):
        words = one[BITS], one[FRACTION], one[TOP]
        for s in range(samples):
            v = (first + s) * each + one[STATE]
            run(
                number, current, s * outer, inner, values, one[VALUES], states, v, sent,
                begin + s * outer, steps, one[WIDTH], words,
            )  # fmt: skip

    return leaky


UPDATES = tuple(_updating(number) for number in range(len(MODES)))
"""Updates by position in `MODES`, for populations of whole vectors."""
