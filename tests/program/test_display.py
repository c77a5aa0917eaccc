"""What a prompt and a notebook show of networks, programs and traces."""

from dataclasses import replace

import numpy as np

import ultralif_deploy as ul
from support.commands import DEMO
from ultralif_deploy.program.graph import Identity, Projection


def network() -> ul.Network:
    encoder = ul.Encoder("rate", 4)
    return ul.apply_passes(ul.harden(ul.load_checkpoint(DEMO).network, encoder))


def test_networks_and_programs_have_a_line_for_each_population() -> None:
    made = network()
    assert repr(made).splitlines() == [
        "Network: 64 inputs, 4 timesteps",
        "  neuron: 64 Threshold from input (Dense)",
        "  readout: 10 Integrator from neuron (Dense)",
    ]
    back = (*made.projections, Projection("neuron", "neuron", Identity(64)))
    recurrent = replace(made, projections=back)
    assert "  neuron: 64 Threshold from input (Dense), neuron (Identity, delayed)" in repr(
        recurrent
    )
    program = ul.quantize(made, 4)
    first, *rest = repr(program).splitlines()
    assert first == f"Program: 64 inputs, 4 timesteps, {program.parameters:,} parameters"
    assert rest == repr(made).splitlines()[1:]


def test_notebooks_show_tables_with_escaped_names() -> None:
    program = ul.quantize(network(), {"neuron": 4, "readout": 8})
    html = program._repr_html_()
    assert "<td>neuron</td><td>64</td><td>Threshold</td><td>input (Dense)</td><td>4</td>" in html
    trace = ul.load_on("reference", program).run(np.ones((4, 2, 64), np.uint8))
    html = trace._repr_html_()
    assert "<caption>Trace: 2 samples, 4 timesteps</caption>" in html
    assert "<td>spikes</td><td>input</td><td>256.0</td>" in html
    assert "input-&gt;neuron" in html
