"""Every bug planted in the reference must be found by the comparison that the real tests make.

A bug is a change in a copy of a product module; the copy replaces the module in a copy of the
simulator that uses it.
"""

import numpy as np
import pytest

from support.comparisons import back_ends_agree
from support.planted.simulators import (
    drawn_for,
    planted_fast,
    planted_fixed,
    planted_reference,
)
from support.planting import Change
from support.specification import MODELS, runs_follow_spec, step_follows_spec
from support.strategies.programs import programs
from support.strategies.shapes import LEAKY
from ultralif_deploy.program.neurons import LIF, CubaLI, CubaLIF


def test_unchanged_copies_pass_the_comparisons():
    back_ends_agree(planted_fast().load, planted_reference().load, examples=20, planted=True)
    same = planted_fixed(("FRACTION_BITS = 6", "FRACTION_BITS = 2 * 3"))
    step_follows_spec(same.step, planted=True)
    runs_follow_spec(same.load, examples=20, planted=True)


FIXED = {
    "leak rounds down": (
        "return kept if v >= 0 else -kept",
        "return (v * ((1 << bits) - decay)) >> bits",
    ),
    "leak rounds to nearest": (
        "(abs(v) * ((1 << bits) - decay)) >> bits",
        "(abs(v) * ((1 << bits) - decay) + (1 << bits >> 1)) >> bits",
    ),
    "leak loses the sign": ("kept if v >= 0 else -kept", "kept"),
    "decay keeps its complement": ("(1 << bits) - decay", "decay"),
    "decay of 8 bits": (
        "(abs(v) * ((1 << bits) - decay)) >> bits",
        "(abs(v) * ((1 << 8) - decay)) >> 8",
    ),
    "wide decays taken for 12 bits": (
        "(abs(v) * ((1 << bits) - decay)) >> bits",
        "(abs(v) * (4096 - decay)) >> 12",
    ),
    "no upper saturation": ("v > MEMBRANE_MAX", "False"),
    "no lower saturation": ("v < -MEMBRANE_MAX", "False"),
    "two's complement saturation": ("return -MEMBRANE_MAX", "return -MEMBRANE_MAX - 1"),
    "wraps instead of saturating": (
        "if v > MEMBRANE_MAX: ...",
        "return (v + MEMBRANE_MAX + 1) % (2 * MEMBRANE_MAX + 2) - MEMBRANE_MAX - 1",
    ),
    "membrane of 23 bits": ("MEMBRANE_BITS = 24", "MEMBRANE_BITS = 23"),
    "leaky word of a bit too many": ("top = (1 << (bits - 1)) - 1", "top = (1 << bits) - 1"),
    "leaky spikes counted up to the threshold": ("-(-above // reset)", "above // reset"),
    "leaky spikes one short": (
        "min(most, -(-above // reset))",
        "min(most - 1, -(-above // reset))",
    ),
    "five fraction bits": ("FRACTION_BITS = 6", "FRACTION_BITS = 5"),
}


@pytest.mark.parametrize("bug", FIXED)
def test_arithmetic_bugs_break_the_specification(bug):
    several = tuple(model for model in MODELS if getattr(model, "most_spikes", 1) > 1)
    models = several if "leaky spikes" in bug else MODELS
    with pytest.raises(AssertionError):
        step_follows_spec(planted_fixed(FIXED[bug]).step, models, planted=True)


@pytest.mark.parametrize("bug", FIXED)
def test_arithmetic_bugs_of_one_simulator_break_the_agreement(bug):
    load = planted_fixed(FIXED[bug]).load
    narrow = ("released", "paper", "logmax")  # the others have words of their own width
    drawn = programs(kinds=narrow if "saturat" in bug else LEAKY)
    drawn = drawn_for(bug) if "leaky" in bug else drawn
    with pytest.raises(AssertionError):
        back_ends_agree(load, drawn=drawn, examples=400, planted=True)


TWICE = (
    "for population in program.populations: ...",
    """
    begun = dict(state), {k: v.copy() for k, v in operations.items()}
    for number, population in enumerate(2 * program.populations):
        if number == len(program.populations):
            last, (state, kept) = dict(now), begun
            for name in operations:
                operations[name][:] = kept[name]
        ...
    """,
)
STATE = "state = {p.name: p.neuron.initial_state(p.size).tolist() for p in program.populations}"

REFERENCE = {
    "threshold fires at equality": (
        "c > threshold",
        "c >= threshold",
        "_threshold",
    ),
    "ring fires at equality": (
        "c > threshold",
        "c >= threshold",
        "_ultradlif",
    ),
    "tropical reset forgotten": ('p["reset"][i] if spikes[i] else v[i]', "v[i]"),
    "tropical reset to zero": (
        'p["reset"][i] if spikes[i] else v[i]',
        "0 if spikes[i] else v[i]",
    ),
    "tropical decay added": ('v[i] - p["decay"][i]', 'v[i] + p["decay"][i]', "_tropical_lif"),
    "tropical initial value ignored": (
        "p.neuron.initial_state(p.size).tolist()",
        "[0] * (p.words * p.size)",
    ),
    "minimum for maximum": ("max", "min", "_tropical_lif"),
    "wrong ring neighbour": ("i - neuron.stride", "i - 2 * neuron.stride"),
    "one ring neighbour forgotten": (
        "max(v[left[i]], v[i], v[right[i]])",
        "max(v[left[i]], v[i])",
    ),
    "ring without its end": ("(i + neuron.stride) % size", "min(i + neuron.stride, size - 1)"),
    "ring stride ignored": ("(i + neuron.stride) % size", "(i + 1) % size"),
    "paper form leaks its neighbours": (
        "max(v[left[i]], leaked[i], v[right[i]])",
        "max(leaked[left[i]], leaked[i], v[right[i]])",
    ),
    "paper form does not leak": (
        "max(v[left[i]], leaked[i], v[right[i]])",
        "max(v[left[i]], v[i], v[right[i]])",
    ),
    "delayed projections act at once": TWICE,
    "delayed projections never act": ("last = now", "pass"),
    "all projections act late": (
        "last if delayed else now",
        "last if projection.source != INPUT else now",
    ),
    "weights counted twice": (
        "current[target] += weight * value",
        "current[target] += 2 * weight * value",
    ),
    "values of dense maps taken for spikes": (
        "map(int.__mul__, columns, filter(None, signal))",
        "columns",
    ),
    "zeros counted in dense maps": ("self.size - column.count(0)", "self.size"),
    "values taken for spikes": ("current[target] += weight * value", "current[target] += weight"),
    "operations of silent sources": ("value == 0", "False", "_add"),
    "operations of silent columns": ("compress(self.reached, signal)", "self.reached"),
    "operations without fan-out": ("operations += len(targets)", "operations += 1"),
    "spike values added up": ("len(now[name]) - now[name].count(0)", "sum(now[name])"),
    "read-out without bias": ("v[i] + current[i] + bias[i]", "v[i] + current[i]"),
    "read-out forgets": ("v[i] + current[i] + bias[i]", "current[i] + bias[i]"),
    "state kept between samples": (
        f"for sample in range(batch):\n    {STATE}\n    ...",
        f"{STATE}\nfor sample in range(batch): ...",
    ),
}


@pytest.mark.parametrize("bug", REFERENCE)
def test_bugs_in_the_reference_are_found(bug):
    load = planted_reference(REFERENCE[bug]).load
    with pytest.raises(AssertionError):
        back_ends_agree(load, drawn=drawn_for(bug), planted=True)
    with pytest.raises(AssertionError):
        runs_follow_spec(load, planted=True)


FUNCTIONS = {
    "TropicalLIF": "_tropical_lif",
    "LIF": "_lif",
    "CubaLIF": "_cuba_lif",
    "LogMaxLIF": "_log_max_lif",
    "LogMaxLIF's membrane": "_soft_maximum",
    "LeakyIntegrator": "_leaky_integrator",
    "CubaLI": "_cuba_li",
}


def in_step(model: str, old: str, new: str) -> Change:
    """A bug inside the update of one neuron model."""
    return old, new, FUNCTIONS[model]


STEP = {
    "tropical fires at equality": (
        "TropicalLIF",
        'v[i] > p["threshold"][i]',
        'v[i] >= p["threshold"][i]',
    ),
    "tropical without bias": ("TropicalLIF", "current[i] + bias[i]", "current[i]"),
    "leaky bias in current units": (
        "LIF",
        "(current[i] << neuron.fraction_bits) + bias[i]",
        "(current[i] + bias[i]) << neuron.fraction_bits",
    ),
    "leaky decay after the drive": (
        "LIF",
        'leak(v[i], p["decay"][i], neuron.decay_bits) + drive[i]',
        'leak(v[i] + drive[i], p["decay"][i], neuron.decay_bits)',
    ),
    "leaky with the synaptic current of before": (
        "CubaLIF",
        'leak(v[i], p["decay"][i], neuron.decay_bits) + synapse[i]',
        'leak(v[i], p["decay"][i], neuron.decay_bits) + v[size + i]',
    ),
    "leaky synapse forgotten": ("CubaLIF", "membrane + synapse", "membrane + [0] * size"),
    "leaky words exchanged": ("CubaLIF", "membrane + synapse", "synapse + membrane"),
    "readouts of leaky integrators keep all": (
        "LeakyIntegrator",
        'leak(v[i], p["decay"][i], neuron.decay_bits)',
        "v[i]",
    ),
    "soft maximum fires at equality": (
        "LogMaxLIF",
        'v[i] > p["threshold"][i]',
        'v[i] >= p["threshold"][i]',
    ),
    "soft maximum without reset": ("LogMaxLIF", "0 if spikes[i] else v[i]", "v[i]"),
    "soft maximum without correction": (
        "LogMaxLIF's membrane",
        "max(kept[i], drive[i]) + extra[i]",
        "max(kept[i], drive[i])",
    ),
    "soft maximum not saturated": (
        "LogMaxLIF's membrane",
        "saturate(max(kept[i], drive[i]) + extra[i])",
        "max(kept[i], drive[i]) + extra[i]",
    ),
    "soft maximum saturated before the correction": (
        "LogMaxLIF's membrane",
        "saturate(max(kept[i], drive[i]) + extra[i])",
        "saturate(max(kept[i], drive[i])) + extra[i]",
    ),
    "soft maximum with a one-sided gap": (
        "LogMaxLIF's membrane",
        "abs(kept[i] - drive[i])",
        "max(kept[i] - drive[i], 0)",
    ),
    "soft table read one entry on": (
        "LogMaxLIF's membrane",
        "abs(kept[i] - drive[i]) >> neuron.shift",
        "abs(kept[i] - drive[i]) + (1 << neuron.shift) >> neuron.shift",
    ),
    "soft table rounds its index": (
        "LogMaxLIF's membrane",
        "abs(kept[i] - drive[i]) >> neuron.shift",
        "abs(kept[i] - drive[i]) + (1 << neuron.shift >> 1) >> neuron.shift",
    ),
    "soft table kept beyond its end": (
        "LogMaxLIF's membrane",
        'p["table"][e] if e < len(p["table"]) else 0',
        'p["table"][e] if e < len(p["table"]) else p["table"][-1]',
    ),
    "soft table without its last entry": (
        "LogMaxLIF's membrane",
        'e < len(p["table"])',
        'e + 1 < len(p["table"])',
    ),
    "soft decay added": ("LogMaxLIF's membrane", 'v[i] - p["decay"][i]', 'v[i] + p["decay"][i]'),
    "soft bias in current units": (
        "LogMaxLIF's membrane",
        "(current[i] << FRACTION_BITS) + bias[i]",
        "(current[i] + bias[i]) << FRACTION_BITS",
    ),
}


@pytest.mark.parametrize("bug", STEP)
def test_bugs_in_one_neuron_model_are_found(bug):
    planted = planted_reference(in_step(*STEP[bug]))
    models = [m for m in MODELS if type(m).__name__ == STEP[bug][0].split("'")[0]]
    with pytest.raises(AssertionError):
        back_ends_agree(planted.load, drawn=drawn_for(bug), planted=True)
    with pytest.raises(AssertionError):
        step_follows_spec(planted.step, models, planted=True)


READOUT_STEP = {
    "membrane of 24 bits": (
        "[saturate_readout(u) for u in total]",
        "[saturate(u) for u in total]",
    ),
    "synapse not saturated": ("[saturate_readout(i) for i in synapse]", "synapse"),
    "synapse of before": (
        'leak(v[i], p["decay"][i], neuron.decay_bits) + synapse[i]',
        'leak(v[i], p["decay"][i], neuron.decay_bits) + v[size + i]',
    ),
    "membrane not saturated": ("[saturate_readout(u) for u in total]", "total"),
    "synapse forgotten": (
        "after + synapse",
        "after + [0] * size",
    ),
}


@pytest.mark.parametrize("bug", READOUT_STEP)
def test_bugs_in_read_outs_with_synapses_are_found(bug):
    planted = planted_reference(in_step("CubaLI", *READOUT_STEP[bug]))
    with pytest.raises(AssertionError):
        step_follows_spec(planted.step, [CubaLI(np.zeros(0), np.zeros(0))], planted=True)


RESET = {
    "leaky fires at equality": ("fired = int(u > threshold)", "fired = int(u >= threshold)"),
    "leaky holds at equality": ("held = before > threshold", "held = before >= threshold"),
    "leaky reset to zero": (
        'if fired and mode == "value":\n    u = reset\nelse: ...',
        'if fired and mode == "value":\n    u = 0\nelse: ...',
    ),
    "leaky reset by the threshold": ("u - fired * reset", "u - fired * threshold"),
    "leaky late value lost": ('held and mode == "late-value"', "False"),
    "leaky late subtraction lost": ("u -= reset", "pass"),
    "leaky immediate subtraction twice": (
        "clip(whole - reset if fired else whole, bits)",
        "clip(u - reset if fired else whole, bits)",
    ),
    "leaky immediate rest subtracted": (
        "clip(whole - reset if fired else whole, bits)",
        "clip(whole - reset if fired else u, bits)",
    ),
    "leaky membrane not saturated": ("u = clip(u, bits)", "pass"),
    "leaky synapse not saturated": ("[clip(i, neuron.membrane_bits) for i in wide]", "wide"),
    "leaky spikes subtract one reset": ("clip(u - fired * reset, bits)", "clip(u - reset, bits)"),
    "leaky fires once": ("neuron.most_spikes > 1", "False"),
    "leaky floor forgotten": ("max(u, least)", "u"),
    "leaky membrane of 24 bits": (
        "mode, bits = neuron.reset_mode, neuron.membrane_bits",
        "mode, bits = neuron.reset_mode, 24",
    ),
    "leaky units of 64": ("current[i] << neuron.fraction_bits", "current[i] << 6"),
    "leaky synapse in units of 64": ("now << fraction_bits", "now << 6"),
    "leaky synapse decays like the membrane": ('p["synaptic_decay"]', 'p["decay"]'),
}


@pytest.mark.parametrize("bug", RESET)
def test_bugs_in_resets_and_synapses_are_found(bug):
    planted = planted_reference(RESET[bug])
    models = [m for m in MODELS if isinstance(m, (LIF, CubaLIF))]
    with pytest.raises(AssertionError):
        back_ends_agree(
            planted.load, examples=400, drawn=programs(kinds=("lif", "cubalif")), planted=True
        )
    with pytest.raises(AssertionError):
        step_follows_spec(planted.step, models, planted=True)


def test_a_subtraction_that_wraps_breaks_the_specification():
    planted = planted_reference(("u = clip(u - fired * reset, bits)", "u = u - fired * reset"))
    with pytest.raises(AssertionError):
        step_follows_spec(planted.step, [m for m in MODELS if isinstance(m, LIF)], planted=True)
