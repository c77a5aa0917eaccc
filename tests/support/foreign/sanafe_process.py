"""Runs a network in SANA-FE on its own model of Loihi. Usage: python sanafe_process.py GIVEN FOUND.

Started by test_sanafe.py with SANA-FE's own Python, which has no numpy: both files are JSON. GIVEN
holds the groups of neurons with their cores and registers, the synapses, and the input spikes
[sample][neuron][step]. FOUND holds, per sample, what SANA-FE counted and when it was done.
"""

import json
import sys
import tempfile
from importlib.resources import files
from pathlib import Path
from typing import Any

import sanafe

INPUT = "input"
TIMING = ("simple", "detailed")


def main(given: str, found: str) -> None:
    network = json.loads(Path(given).read_text("utf-8"))
    architecture = loihi(len(network["groups"][INPUT]["cores"]))
    runs = []
    for spikes in network["samples"]:
        run, timings = {}, {}
        for timing in TIMING:
            chip = sanafe.SpikingChip(architecture)
            chip.load(described(network, architecture.cores(), spikes))
            run = chip.sim(
                network["steps"],
                timing_model=timing,
                spike_trace=True,
                potential_trace=True,
                perf_trace=True,
                message_trace=True,
            )
            timings[timing] = run["perf_trace"]["sim_time"]
        runs.append(plain(run) | {"step_s": timings})
    Path(found).write_text(json.dumps(runs), "utf-8")


def loihi(inputs: int) -> Any:
    """The Loihi that SANA-FE ships, with as many units for input neurons as there are inputs.

    Every input neuron needs a unit of its own; all 1024 on each core take five seconds to make.
    """
    text = files("sanafe.examples").joinpath("loihi.yaml").read_text("utf-8")
    units = "loihi_inputs[0..1023]"
    assert text.count(units) == 1
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "loihi.yaml"
        path.write_text(text.replace(units, f"loihi_inputs[0..{inputs - 1}]"), "utf-8")
        return sanafe.load_arch(path)


def described(network: dict[str, Any], cores: list[Any], spikes: list[list[int]]) -> Any:
    """The network with the input spikes of one sample."""
    net = sanafe.Network()
    groups = {}
    for name, group in network["groups"].items():
        made = net.create_neuron_group(
            name,
            len(group["cores"]),
            soma_hw_name="loihi_lif",
            default_synapse_hw_name="loihi_dense_synapse",
            default_dendrite_hw_name="loihi_dendrites",
            log_spikes=True,
            log_potential=name == network["readout"],
        )
        for i, neuron in enumerate(made):
            if name == INPUT:
                unit = f"loihi_inputs[{i}]"
                neuron.set_attributes(soma_hw_name=unit, model_attributes={"spikes": spikes[i]})
            else:
                registers = {key: values[i] for key, values in group["registers"].items()}
                neuron.set_attributes(model_attributes=registers)
            neuron.map_to_core(cores[group["cores"][i]])
        groups[name] = made
    for synapses in network["synapses"]:
        groups[synapses["source"]].connect_neurons_sparse(
            groups[synapses["target"]], {"w": synapses["weight"]}, synapses["ends"]
        )
    return net


def plain(run: dict[str, Any]) -> dict[str, Any]:
    """What the tests compare, without SANA-FE's own types."""
    messages = [
        {
            "step": step,
            "source": m["src_neuron_group_id"],
            "neuron": m["src_neuron_offset"],
            "core": m["dest_core_id"],
            "operations": m["spikes"],
            "east_west": abs(m["src_x"] - m["dest_x"]),
            "north_south": abs(m["src_y"] - m["dest_y"]),
        }
        for step, sent in enumerate(run["message_trace"])
        for m in sent
        if not m["placeholder"]
    ]
    totals = ("energy", "spikes", "packets_sent", "neurons_updated", "neurons_fired", "sim_time")
    return {
        **{key: run[key] for key in totals},
        "hops": sum(run["perf_trace"]["hops"]),
        "messages": messages,
        "fired": [
            (step, spike.group_name, spike.neuron_offset)
            for step, spikes in enumerate(run["spike_trace"])
            for spike in spikes
        ],
        "potentials": run["potential_trace"],
    }


if __name__ == "__main__":
    main(*sys.argv[1:])
