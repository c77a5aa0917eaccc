"""Clock cycles and counted events of exported Verilog in a simulation."""

from pathlib import Path

import numpy as np

from ultralif_deploy.program.graph import INPUT
from ultralif_deploy.program.program import Program
from ultralif_deploy.schema.hardware.synthesis import Cycles, HardwareActivity
from ultralif_deploy.simulators.runners.verilog import runner


def simulated(
    program: Program, folder: Path, inputs: np.ndarray
) -> tuple[Cycles, HardwareActivity]:
    """Run samples twice, each by itself for the latency, and then one after the other at once.

    Args:
        program: program that the directory expresses.
        folder: directory with its Verilog.
        inputs: uint8 [time, sample, input].

    Raises:
        UltralifError: the hardware does not end.
        Missing: no simulator of Verilog is installed.
    """
    hardware = runner.load(program, folder)
    hardware.run(inputs)
    latency = hardware.cycles
    counts = hardware.run(inputs, stream=True).counts
    samples = len(latency)
    cycles: Cycles = {
        "samples": samples,
        "mean": float(latency.mean()),
        "max": int(latency.max()),
        "apart": hardware.elapsed / samples,
    }
    spikes = {name: float(found.sum()) / samples for name, found in counts.spikes.items()}
    operations = sum(int(found.sum()) for found in counts.synaptic_operations.values())
    return cycles, {
        "input_events": spikes[INPUT],
        "synaptic_operations": operations / samples,
        "populations": {
            name: {
                "spikes": spikes.get(name, 0.0),
                "weight_words": words / samples,
                "busy": active / hardware.elapsed,
            }
            for name, (words, active) in hardware.work.items()
        },
    }
