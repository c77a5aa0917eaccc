"""Every bug planted in the quantization or in a pass must be found by the real comparison."""

import pytest

from support.comparisons import (
    CONCERNED,
    PREPARED,
    quantization_is_lossless,
    rewrite_keeps_spikes,
    threshold_is_exact,
)
from support.planting import copy_of
from support.strategies.shapes import KINDS
from ultralif_deploy.network import neurons as float_neurons


def test_an_unchanged_copy_passes_the_comparisons():
    integers = copy_of("ultralif_deploy.quantization.integers")
    threshold_is_exact(integers.integer_threshold, planted=True)
    quantization_is_lossless(quantize_with(integers), examples=20, planted=True)


def quantize_with(integers):
    """`quantize` by a copy of the module that makes integers of real values."""
    return copy_of("ultralif_deploy.quantization.quantize", Rounding=integers.Rounding).quantize


EXACT = "-((-ratio) // 1) - 1 if inclusive else ratio // 1"
THRESHOLDS = {
    "ceiling not lowered": ("-((-ratio) // 1) - 1", "-((-ratio) // 1)"),
    "floor for ceiling": ("-((-ratio) // 1) - 1", "ratio // 1 - 1"),
    "strict as inclusive": (EXACT, "-((-ratio) // 1) - 1"),
    "inclusive as strict": (EXACT, "ratio // 1"),
    "float division": (
        "Fraction(threshold) / Fraction(scale)",
        "Fraction(threshold / scale)",
    ),
    "rounded": ("Fraction(threshold) / Fraction(scale)", "round(Fraction(threshold / scale))"),
}


@pytest.mark.parametrize("bug", THRESHOLDS)
def test_bugs_in_the_integer_threshold_are_found(bug):
    module = copy_of("ultralif_deploy.quantization.integers", THRESHOLDS[bug])
    with pytest.raises(AssertionError):
        threshold_is_exact(module.integer_threshold, planted=True)
    if bug not in ("float division", "rounded"):
        with pytest.raises(AssertionError):
            quantization_is_lossless(quantize_with(module), planted=True)


QUANTIZE = {
    "weights of two projections swapped": ("quantize", "start = stop", "start += 0"),
    "one unit for every model": (
        "neurons",
        "_Made(_current_unit, _threshold)",
        "_Made(_fraction, _threshold)",
    ),
}


@pytest.mark.parametrize("bug", QUANTIZE)
def test_bugs_in_quantize_are_found(bug):
    where, *change = QUANTIZE[bug]
    module = copy_of(f"ultralif_deploy.quantization.{where}", tuple(change))
    if where == "neurons":
        module = copy_of(
            "ultralif_deploy.quantization.quantize", integer_neuron=module.integer_neuron
        )
    with pytest.raises(AssertionError):
        quantization_is_lossless(module.quantize, planted=True)


REWRITES = {
    "growing membranes elided": ("elide_membrane", "np.all(neuron.decay >= 0)", "True"),
    "reset not checked": (
        "elide_membrane",
        "neuron.reset - neuron.decay",
        "neuron.initial - neuron.decay",
    ),
    "initial value not checked": (
        "elide_membrane",
        "neuron.initial - neuron.decay",
        "neuron.reset - neuron.decay",
    ),
    "equality mistaken": (
        "elide_membrane",
        "np.less if neuron.inclusive else np.less_equal",
        "np.less_equal",
    ),
    "one neuron speaks for all": (
        "elide_membrane",
        "np.all(below(neuron.reset - neuron.decay, neuron.threshold))",
        "np.any(below(neuron.reset - neuron.decay, neuron.threshold))",
    ),
    "bias added": (
        "fold_bias",
        "getattr(neuron, name) - bias",
        "getattr(neuron, name) + bias",
    ),
    "reset not shifted": (
        "fold_bias",
        '("threshold", "reset", "initial")',
        '("threshold", "initial")',
    ),
    "leaky bias folded": (
        "fold_bias",
        "POTENTIALS.get(type(neuron), ())",
        'POTENTIALS.get(type(neuron), ("threshold",) if hasattr(neuron, "tau") else ())',
    ),
    "offset forgotten": ("fold_input", "np.zeros(size) + offset", "np.zeros(size)"),
    "scale forgotten": ("fold_input", "np.ones(size) * scale", "np.ones(size)"),
    "membranes collapsed": ("collapse_constant", "p.neuron.TIMELESS", "True"),
    "delays collapsed": ("collapse_constant", "network.delayed()", "False"),
    "fires at a bound, mistaken": (
        "remove_constant",
        "membrane >= neuron.threshold",
        "membrane > neuron.threshold",
    ),
    "negative weights forgotten": (
        "remove_constant",
        "low + rising[0] + falling[1]",
        "low + rising[0]",
    ),
    "bounds mixed up": (
        "remove_constant",
        "high + rising[1] + falling[0]",
        "high + rising[1] + falling[1]",
    ),
    "largest input taken for 1": ("remove_constant", "(0.0, network.input.maximum)", "(0.0, 1.0)"),
    "first timestep forgotten": ("remove_constant", "sent * [[0.0], [1.0]]", "sent"),
    "late spikes folded": ("remove_constant", "p.name in network.delayed()", "not p"),
    "fold forgotten": (
        "remove_constant",
        "bounds[q.source][0] * ~kept[q.source]",
        "0.0 * ~kept[q.source]",
    ),
    "part of a channel taken for all": ("remove_constant", "np.logical_and", "np.logical_or"),
    "growth forgotten": (
        "remove_constant",
        "np.where(neuron.decay >= 0, highest, np.inf)",
        "highest",
    ),
    "membrane that adds up forgotten": (
        "remove_constant",
        "np.maximum(high, 0.0) / (1 - tau)",
        "np.maximum(high, 0.0)",
    ),
    "reset forgotten": (
        "remove_constant",
        "neuron.tau * np.minimum(after[neuron.reset_mode], 0.0)",
        "0 * np.minimum(after[neuron.reset_mode], 0.0)",
    ),
    "changing input collapsed": ("collapse_constant", "not network.input.constant", "False"),
}


@pytest.mark.parametrize("bug", REWRITES)
def test_bugs_in_the_passes_are_found(bug):
    name, old, new = REWRITES[bug]
    module = copy_of(f"ultralif_deploy.passes.{name}", (old, new))
    vars(module)["LIF"] = float_neurons.LIF
    with pytest.raises(AssertionError):
        rewrite_keeps_spikes(
            vars(module)[name],
            CONCERNED.get(name, KINDS),
            planted=True,
            before=PREPARED.get(name, ()),
        )
