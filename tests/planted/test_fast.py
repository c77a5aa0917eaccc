"""Every bug planted in the fast simulator must be found by the comparison of the real tests."""

import pytest
from onnxruntime.capi import onnxruntime_pybind11_state as onnxruntime_state

from support.comparisons import (
    back_ends_agree,
)
from support.planted.simulators import (
    BY_POPULATION,
    drawn_for,
    planted_fast,
)
from support.planting import PLAIN, applies, copy_of
from support.strategies.programs import programs

KERNELS = {
    "threshold fires at equality": (
        "compared[first + n] > values[limits + n]",
        "compared[first + n] >= values[limits + n]",
    ),
    "tropical reset forgotten": ("values[reset + n] if fired else u", "u"),
    "tropical bias ignored": (
        "np.int64(current[place + n]) + values[bias + n]",
        "np.int64(current[place + n])",
    ),
    "wrong ring neighbour": (
        "(place - neuron.stride) % size",
        "(place - 2 * neuron.stride) % size",
    ),
    "ring stride ignored": ("(place + neuron.stride) % size", "(place + 1) % size"),
    "soft table kept beyond its end": (
        "min(abs(kept - drive) >> shift, last)",
        "min(abs(kept - drive) >> shift, last - 1)",
    ),
    "soft maximum not saturated": (
        "saturate(max(kept, drive) + values[table + entry])",
        "max(kept, drive) + values[table + entry]",
    ),
    "soft shift ignored": ("abs(kept - drive) >> shift", "abs(kept - drive)"),
    "soft table of the shares": (
        "limits + one[LEVELS] * (width + 1) + 1",
        "limits + one[LEVELS] * (width + 1)",
    ),
    "released ring compares its own membrane": (
        "max(current[place + n], beside)",
        "current[place + n]",
    ),
    "paper ring shares before it leaks": (
        "saturate(max(kept, np.int64(beside)) + drive)",
        "saturate(max(np.int64(states[v + n]), np.int64(beside)) + drive)",
    ),
    "released ring resets the largest": (
        "leak(np.int64(current[place + n]), share, DECAY_BITS)",
        "leak(np.int64(states[v + n]), share, DECAY_BITS)",
    ),
    "released ring without saturation": ("saturate(kept + drive)", "kept + drive"),
    "leaky membrane not saturated": ("u = held(u, top)", "pass"),
    "leaky held at equality": ("before > limit", "before >= limit"),
    "leaky late from subtraction on": ("mode >= LATE_VALUE", "mode >= LATE_SUBTRACT"),
    "leaky late value subtracted": (
        "reset if mode == LATE_VALUE else total - reset",
        "total - reset",
    ),
    "leaky synapse of the first neuron": ("v[b, size + n] = i", "v[b, size] = i", "cuba_lif"),
    "leaky floor forgotten": ("max(u, floor)", "u"),
    "leaky fires once": ("most > 1", "False"),
    "readouts add their bias once a block": (
        "heard(one, current, s * steps + t, at) + bias[c]",
        "heard(one, current, s * steps + t, at) + bias[c] * (t == 0)",
    ),
    "readouts of the first sample": ("s * steps + t", "t", "integrator"),
    "readouts leak their synapse twice": (
        "saturate_readout(leak(counts[v], decay, one[BITS]) + counts[i])",
        "saturate_readout(leak(counts[v], decay, one[BITS]) + leak(counts[i], decay, one[BITS]))",
    ),
}


@pytest.mark.parametrize("bug", KERNELS)
def test_bugs_in_the_kernels_are_found(bug):
    with pytest.raises((AssertionError, OverflowError)):  # plain Python does not wrap around
        back_ends_agree(planted_fast(KERNELS[bug]).load, drawn=drawn_for(bug), planted=True)


CONVOLUTIONS = {
    "taps mirrored": ("taps[a, k]", "taps[tall - 1 - a, k]"),
    "stride ignored": ("off != 0 or i < 0 or i >= rows", "i < 0 or i >= rows"),
    "padding forgotten": ("y + top - a * tap_down", "y - a * tap_down"),
    "dilation forgotten": ("y + top - a * tap_down", "y + top - a"),
    "first group for all": ("c // inner * outer", "0"),
    "values taken for spikes": ("value * np.int32(row[o])", "np.int32(row[o])"),
    "sums left over": ("sums[:] = 0", "pass"),
    "border wraps": ("off != 0 or i < 0 or i >= rows", "off != 0 or i >= rows"),
    "channel last": ("o * rows * columns + place", "place * out + o"),
}
GATHER = {
    "gathered without padding": ("i * down + a * tap_down - top", "i * down + a * tap_down"),
    "gathered without stride": (
        "j * right + k * tap_right - left",
        "j + k * tap_right - left",
    ),
    "gathered kernel transposed": ("(c * tall + a) * wide + k", "(c * wide + k) * tall + a"),
}


FLOAT = {
    "convolved without padding": ("[*linear.padding, *linear.padding]", "[0, 0, 0, 0]"),
    "padding on one side": ("[*linear.padding, *linear.padding]", "[*linear.padding, 0, 0]"),
    "convolved without stride": ("linear.stride", "(1, 1)"),
    "convolved without dilation": ("linear.dilation", "(1, 1)"),
}


ONNXRUNTIME = onnxruntime_state.Fail, onnxruntime_state.InvalidArgument
"""What onnxruntime raises where a product does not have the shape that it is to have."""


def with_forms(forms):
    """A copy of the simulator with a copy of `synapses.py`."""
    names = {"synapses": forms.synapses, "currents": forms.currents}
    return copy_of("ultralif_deploy.simulators.fast.simulator", **names, whole=BY_POPULATION)


def take_products(forms):
    """Makes a copy of `synapses.py` take no events where there is another way."""
    forms.TIMED_ROWS = 1
    forms.seconds = lambda work: float(work.func.__name__ == "events")


@pytest.mark.parametrize("bug", FLOAT)
def test_bugs_in_float_convolutions_are_found(bug):
    library = copy_of("ultralif_deploy.simulators.fast.products", FLOAT[bug])
    forms = copy_of(
        "ultralif_deploy.simulators.fast.synapses", FloatConvolution=library.FloatConvolution
    )
    take_products(forms)
    module = with_forms(forms)
    with pytest.raises((AssertionError, ValueError, *ONNXRUNTIME)):
        back_ends_agree(module.load, drawn=programs(kinds=("threshold",)), planted=True)


@pytest.mark.parametrize("bug", CONVOLUTIONS | GATHER)
def test_bugs_in_the_convolutions_are_found(bug, monkeypatch):
    kernels = copy_of(
        "ultralif_deploy.simulators.fast.conv_kernels", PLAIN, (CONVOLUTIONS | GATHER)[bug]
    )
    forms = copy_of("ultralif_deploy.simulators.fast.synapses", conv_kernels=kernels)
    module = with_forms(forms)
    if bug in GATHER:
        forms.convolves_exactly = lambda linear, largest: False
        take_products(forms)
    with pytest.raises((AssertionError, IndexError)):
        back_ends_agree(module.load, drawn=programs(kinds=("threshold",)), planted=True)


FAST = {
    "delayed projections act at once": (
        "one_later(sent[source], memory.last[source]) if late else sent[source]",
        "sent[source]",
    ),
    "loops act at once": ("late = q.name in self.program.delayed", "late = False"),
    "late operations counted at once": ("late = one_later(sent, last)", "late = sent"),
    "initial value ignored": (
        "p.neuron.initial_state(p.size)",
        "0 * p.neuron.initial_state(p.size)",
    ),
    "second projection replaces the first": (
        "term if total is None else total + term",
        "term",
    ),
}


@pytest.mark.parametrize("bug", FAST)
def test_bugs_in_the_fast_simulator_are_found(bug):
    changes, replaced = [FAST[bug]], {"whole": BY_POPULATION}
    if applies("ultralif_deploy.simulators.fast.updates", FAST[bug]):
        updates = copy_of("ultralif_deploy.simulators.fast.updates", FAST[bug])
        changes, replaced["UPDATES"] = [], updates.UPDATES
    elif applies("ultralif_deploy.simulators.streams", FAST[bug]):
        streams = copy_of("ultralif_deploy.simulators.streams", FAST[bug])
        changes, replaced["initial_memory"] = [], streams.initial_memory
    module = copy_of("ultralif_deploy.simulators.fast.simulator", *changes, **replaced)
    with pytest.raises((AssertionError, ValueError)):
        back_ends_agree(module.load, planted=True)
