"""What a prompt and a notebook show of networks, programs and traces."""

from dataclasses import replace

import numpy as np
import pytest

import ultralif_deploy as ul
from support.commands import DEMO
from support.requirements import import_or_skip
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
    first, sent, *_ = repr(trace).splitlines()
    assert first == "Trace: 2 samples, 4 timesteps; mean of one inference:"
    assert sent == "  spikes of input: 256.0"


def test_a_raster_has_a_dot_for_each_spike_of_the_sample() -> None:
    import_or_skip("matplotlib", "pip install matplotlib")
    program = ul.quantize(network(), 4)
    inputs = (np.random.default_rng(0).random((4, 2, 64)) < 0.4).astype(np.uint8)
    back_end = ul.load_on("reference", program)
    trace = back_end.run(inputs, record=True)
    (axes,) = trace.raster(1).axes
    assert trace.spikes is not None
    expected = np.argwhere(trace.spikes["neuron"][:, 1])
    assert 0 < len(expected) < 4 * 64
    np.testing.assert_array_equal(axes.collections[0].get_offsets(), expected)
    assert axes.get_title("left") == f"neuron: {len(expected)} spikes of sample 1"
    with pytest.raises(ul.UltralifError, match="sample 2: the trace has 2 samples"):
        trace.raster(2)
    with pytest.raises(ul.UltralifError, match="holds no spikes"):
        back_end.run(inputs).raster()


def test_a_diagram_has_all_populations_and_projections() -> None:
    made = network()
    back = Projection("neuron", "neuron", Identity(64))
    program = ul.quantize(replace(made, projections=(*made.projections, back)), 4)
    annotation = import_or_skip("matplotlib.text", "pip install matplotlib").Annotation
    figure = program.diagram()
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert [text for text in texts if text in ("input", "neuron", "readout")] == [
        *("input", "neuron", "readout")
    ]
    assert {"64 values, 0 to 1", "64 × Threshold, 4 bits", "10 × Integrator, 4 bits"} <= set(texts)
    assert "Dense, 640 weights" in texts
    arrows = [t.arrow_patch for t in figure.axes[0].texts if isinstance(t, annotation)]
    styles = [arrow.get_linestyle() for arrow in arrows if arrow is not None]
    assert sorted(styles) == ["dashed", "solid", "solid"]
    assert figure._repr_png_().startswith(b"\x89PNG")
