"""Throughput of the back ends that are compared by default on four networks, in one run.

    python examples/benchmarks/back_ends.py            # about three minutes with Lava

Random MLPs of threshold units, 64-64-10 with 4-bit and 784-128-10 with 8-bit weights, the larger
one of leaky neurons, and two convolutions; T = 10 and 10 % input spikes. The logits of every back
end are compared with those of `reference` on the first samples before it is timed. Rounds
alternate between the back ends, and the best round counts, so that a busy moment of the machine
affects all of them. Each back end gets a number of samples that suits it. Lava's rates include its
start. If a back end cannot run here or refuses a network, the reason is printed. `--on` names
others, which are slow.
"""

import argparse
import json
from collections.abc import Callable
from typing import Any

import numpy as np
from measuring import Run, convolutional, lif_mlp, mlp, seconds, small_mlp, spikes

from ultralif_deploy.errors import Missing, Refused
from ultralif_deploy.program.program import Program
from ultralif_deploy.verify.backends import BACK_ENDS, COMPARED, load_on

REFERENCE = "reference"
NETWORKS: dict[str, Callable[[int], Program]] = {
    "small MLP": small_mlp,
    "MLP": mlp,
    "leaky MLP": lif_mlp,
    "convolutional": convolutional,
}
SAMPLES = {REFERENCE: 4, **dict.fromkeys(("lava", "lava-loihi1", "lava-custom", "netx"), 20)}
"""Samples at once, where they are not those of `--batch`."""
COMPARED_SAMPLES = 20
"""Samples whose logits are compared: `reference` takes a third of a second for one."""


def runner(name: str, program: Program) -> Run:
    """A program on a back end.

    Raises:
        Missing: it cannot run here.
        Refused: it cannot express the program.
    """
    executable = load_on(name, program)
    return lambda inputs: executable.run(inputs).logits


def measure(
    program: Program, names: list[str], batch: int, rounds: int, minimum_s: float
) -> dict[str, Any]:
    """Samples per second by back end, or why there are none."""
    judge = runner(REFERENCE, program)
    runs: dict[str, Run] = {}
    results: dict[str, Any] = {}
    for name in names:
        try:
            runs[name] = runner(name, program)
        except (Missing, Refused) as reason:
            results[name] = {"not_run": str(reason)}
    stream = spikes(batch, program.input.size)
    inputs = {name: stream[:, : SAMPLES.get(name, batch)] for name in runs}
    expected = judge(stream[:, :COMPARED_SAMPLES])
    for name, run in runs.items():
        logits = run(inputs[name])[:COMPARED_SAMPLES]
        np.testing.assert_array_equal(logits, expected[: len(logits)], name)
    best = dict.fromkeys(runs, float("inf"))
    for _ in range(rounds):
        for name, run in runs.items():
            best[name] = min(best[name], seconds(run, inputs[name], minimum_s))
    for name, taken in best.items():
        samples = inputs[name].shape[1]
        results[name] = {"samples_per_s": samples / taken, "batch": samples}
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--on", nargs="+", choices=list(BACK_ENDS), default=list(COMPARED))
    parser.add_argument("--networks", nargs="+", choices=list(NETWORKS), default=list(NETWORKS))
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--minimum", type=float, default=0.5, help="Seconds per measurement.")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    names = [REFERENCE, *(name for name in arguments.on if name != REFERENCE)]
    found = {
        network: measure(
            NETWORKS[network](0), names, arguments.batch, arguments.rounds, arguments.minimum
        )
        for network in arguments.networks
    }
    if arguments.json:
        print(json.dumps(found, indent=2))
        return
    print("samples/s (times reference)".ljust(30) + "".join(network.rjust(24) for network in found))
    reasons = []
    for name in names:
        row = f"{name}, {SAMPLES.get(name, arguments.batch)} at once".ljust(30)
        for network, results in found.items():
            if reason := results[name].get("not_run"):
                reasons.append(f"{name}, {network}: {reason}")
                row += "-".rjust(24)
                continue
            rate = results[name]["samples_per_s"]
            times = rate / results[REFERENCE]["samples_per_s"]
            row += f"{rate:,.0f} ({times:,.{1 if times >= 1 else 3}f})".rjust(24)
        print(row)
    print("\n".join(reasons))


if __name__ == "__main__":
    main()
