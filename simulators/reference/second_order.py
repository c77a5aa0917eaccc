"""Reference updates of the models with two state words, as in PROGRAM.md line by line."""

from collections.abc import Callable

from ultralif_deploy.program.fixed import clip, rounded
from ultralif_deploy.program.neurons import AdaLIF, CSiLIF, LeakySum, SiLIF

Integers = list[int]

Update = tuple[bool, int, int, int]
"""Whether a neuron fires, its next two words, and the value compared with its threshold."""


def second_order_step(
    neuron: SiLIF | CSiLIF | AdaLIF | LeakySum,
    parameters: dict[str, Integers],
    bias: Integers,
    current: Integers,
    state: Integers,
) -> tuple[Integers, Integers, Integers]:
    """One timestep of one population: (spikes, next state, what was compared), as in `updates`.

    Args:
        neuron: the model.
        parameters: parameters of the neuron, integers [neuron] by name.
        bias: [neuron], in state units.
        current: [neuron], the sums of the projections, in current units.
        state: [2·neuron], the first words of all neurons, then the second, before this timestep.
    """
    size = len(current)
    spikes, first, second, compared = [], [], [], []
    for n in range(size):
        p = {name: values[n] for name, values in parameters.items()}
        drive = (current[n] << p["shift"]) + bias[n]
        fired, *words, value = _UPDATES[type(neuron)](p, drive, state[n], state[size + n])
        spikes.append(int(fired))
        first.append(words[0])
        second.append(words[1])
        compared.append(value)
    return spikes, first + second, compared


def _silif(p: dict[str, int], drive: int, u: int, w: int) -> Update:
    s = int(u > p["threshold"])
    w = rounded(p["beta"] * w + p["a"] * u, p["coefficient_bits"]) + p["b"] * s
    w = clip(w, p["state_bits"])
    kept = rounded(p["alpha"] * (u - p["reset"] * s + w), p["coefficient_bits"])
    u = clip(kept - w + drive, p["state_bits"])
    return u > p["threshold"], u, w, u


def _csilif(p: dict[str, int], drive: int, x: int, y: int) -> Update:
    r = x - p["reset"] * int(x > p["threshold"])
    x = rounded(p["real"] * r - p["imaginary"] * y, p["coefficient_bits"]) + drive
    y = rounded(p["imaginary"] * r + p["real"] * y, p["coefficient_bits"])
    x, y = clip(x, p["state_bits"]), clip(y, p["state_bits"])
    return x > p["threshold"], x, y, x


def _adalif(p: dict[str, int], drive: int, v: int, c: int) -> Update:
    v = clip(rounded(p["alpha"] * v, p["coefficient_bits"]) + drive, p["state_bits"])
    fired, compared = v > p["threshold"] + c, v - c
    c = rounded(p["beta"] * c, p["coefficient_bits"]) + p["jump"] * int(fired)
    return fired, 0 if fired else v, clip(c, p["state_bits"]), compared


def _leaky_sum(p: dict[str, int], drive: int, total: int, u: int) -> Update:
    u = clip(rounded(p["alpha"] * u, p["coefficient_bits"]) + drive, p["state_bits"])
    return False, total + u, u, total + u


_UPDATES: dict[type, Callable[[dict[str, int], int, int, int], Update]] = {
    SiLIF: _silif,
    CSiLIF: _csilif,
    AdaLIF: _adalif,
    LeakySum: _leaky_sum,
}
"""Updates of one neuron by model."""
