"""What the places of neurons and cores cost on Loihi; makes a table of docs/back-ends.md.

    python examples/placement_study.py

Networks of random weights and threshold units run on 10 % input spikes, T = 10. Convolutions are
placed channel by channel, and position by position. Cores sit on the chip row by row, and where
`chips/mesh.py` moves them. All give the same logits, which are compared. Figures are per inference;
operations are those of the busiest core, and the time of a timestep is that of the slowest core.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from ultralif_deploy.chips.placement import ORDERS, place
from ultralif_deploy.program.convolution import Conv2d
from ultralif_deploy.simulators.loihi.activity import Activity
from ultralif_deploy.simulators.loihi.simulator import load1, load2

sys.path.append(str(Path(__file__).parent / "benchmarks"))
from measuring import convolutional, convolutional_32_64, spikes, wide_mlp

LOADS = {"loihi1": load1, "loihi2": load2}
NETWORKS = {
    "conv 8-16": ("loihi1", convolutional),
    "dense 512-512": ("loihi2", wide_mlp),
    "conv 32-64": ("loihi2", convolutional_32_64),
}
SAMPLES = 2


def main() -> None:
    """Place and run every network in both orders."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    chosen = parser.parse_args().networks
    print("| network | chip | order | cores sit | cores | messages | hops | operations | µs |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name in chosen:
        chip, network = NETWORKS[name]
        program = network(0)
        made, inputs = LOADS[chip](program), spikes(SAMPLES, program.input.size)
        expected = made.run(inputs).logits
        images = any(isinstance(p.map, Conv2d) for p in program.projections)
        for order in ORDERS if images else ORDERS[:1]:
            moved = place(program, made.chip, (order,))
            in_rows = replace(moved, numbers=np.arange(moved.cores))
            for sit, placement in {"in rows": in_rows, "moved": moved}.items():
                made.placement = placement
                made.activity = Activity(program, placement)
                np.testing.assert_array_equal(made.run(inputs).logits, expected)
                counted = made.activity.as_dict()
                time = counted["mean_timestep_ns"]
                cells = (
                    *(name, chip, order, sit, f"{placement.cores}"),
                    f"{counted['messages'] / SAMPLES:,.0f}",
                    f"{counted['hops'] / SAMPLES:,.0f}",
                    f"{counted['synaptic_operations_of_worst_core'] / SAMPLES:,.0f}",
                    "unknown" if time is None else f"{time / 1000:.1f}",
                )
                print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
