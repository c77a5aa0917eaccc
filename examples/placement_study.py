"""What the order of an image's neurons costs on Loihi; makes a table of docs/back-ends.md.

    python examples/placement_study.py

Convolutions of random 5-bit weights and threshold units run on 10 % input spikes, T = 10, placed
channel by channel, and position by position. Both give the same logits, which are compared.
Figures are per inference, but for the synaptic operations of the busiest core.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

from ultralif_deploy.chips.placement import ORDERS, place
from ultralif_deploy.simulators.loihi.activity import Activity
from ultralif_deploy.simulators.loihi.simulator import load1, load2

sys.path.append(str(Path(__file__).parent / "benchmarks"))
from measuring import convolutional, convolutional_32_64, spikes

LOADS = {"loihi1": load1, "loihi2": load2}
NETWORKS = {
    "conv 8-16": ("loihi1", convolutional),
    "conv 32-64": ("loihi2", convolutional_32_64),
}
SAMPLES = 2


def main() -> None:
    """Place and run every network in both orders."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    chosen = parser.parse_args().networks
    print("| network | chip | order | cores | messages | hops | busiest core |")
    print("|---|---|---|---|---|---|---|")
    for name in chosen:
        chip, network = NETWORKS[name]
        program = network(0)
        made, inputs = LOADS[chip](program), spikes(SAMPLES, program.input.size)
        expected = made.run(inputs).logits
        for order in ORDERS:
            made.placement = place(program, made.chip, (order,))
            made.activity = Activity(program, made.placement)
            np.testing.assert_array_equal(made.run(inputs).logits, expected)
            counted = made.activity.as_dict()
            cells = (
                *(name, chip, order, f"{made.placement.cores}"),
                f"{counted['messages'] / SAMPLES:,.0f}",
                f"{counted['hops'] / SAMPLES:,.0f}",
                f"{counted['synaptic_operations_of_worst_core'] / SAMPLES:,.0f}",
            )
            print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
