"""A neuron model that nobody knows is refused by name, and runs where it has an entry."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from ultralif_deploy.errors import Refused
from ultralif_deploy.exporters.c import writer as c
from ultralif_deploy.exporters.lava import writer as lava
from ultralif_deploy.exporters.nir import nodes
from ultralif_deploy.exporters.nir.programs import write_nir
from ultralif_deploy.exporters.onnx import neurons as onnx_neurons
from ultralif_deploy.program.graph import Dense, Projection
from ultralif_deploy.program.neurons import MODELS, Integrator, NeuronModel, Threshold
from ultralif_deploy.program.program import Input, Population, Program
from ultralif_deploy.simulators.fast import updates as fast
from ultralif_deploy.simulators.reference import updates as reference
from ultralif_deploy.simulators.torch_device import updates as on_torch
from ultralif_deploy.verify.backends import BACK_ENDS, EXPORTERS, load_on


@dataclass(frozen=True, slots=True, eq=False)
class Toggle(NeuronModel):
    """v ← v + I + bias; fires iff v is odd, without a reset. period: unused, int32 [neuron]."""

    period: np.ndarray


def program() -> Program:
    rng = np.random.default_rng(0)
    return Program(
        Input(5),
        (
            Population("odd", 4, Toggle(np.ones(4)), np.zeros(4), np.ones(4)),
            Population("out", 3, Integrator(), np.zeros(3), np.ones(3)),
        ),
        (
            Projection("input", "odd", Dense(rng.integers(-3, 4, (4, 5)))),
            Projection("odd", "out", Dense(rng.integers(-3, 4, (3, 4)))),
        ),
        "8",
        6,
        1,
    )


INPUTS = (np.random.default_rng(1).random((6, 9, 5)) < 0.5).astype(np.uint8)


@pytest.mark.parametrize("name", ["reference", "fast", "torch", "loihi1", "loihi2"])
def test_simulators_refuse_it_by_name(name: str) -> None:
    with pytest.raises(Refused, match=rf"{name}: odd: .*no Toggle"):
        load_on(name, program())


@pytest.mark.parametrize("name", sorted(EXPORTERS))
def test_exporters_refuse_it_by_name(name: str, tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"odd: .*no Toggle"):
        EXPORTERS[name](program(), tmp_path / name)
    assert not (tmp_path / name).exists()


def test_no_file_can_store_it(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"nir: odd: no Toggle"):
        write_nir(program(), tmp_path / "toggle.nir")
    assert not (tmp_path / "toggle.nir").exists()


def test_every_back_end_is_asked() -> None:
    names = {back_end.artefact or name for name, back_end in BACK_ENDS.items()}
    simulators = {"reference", "fast", "torch", "torch-cuda", "loihi1", "loihi2"}
    assert names == simulators | set(EXPORTERS)


def test_it_runs_where_it_has_an_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    """The two steps of ARCHITECTURE.md that make back ends agree: a file, and an entry in each."""

    def judged(neuron, p, bias, current, v):
        after = [a + i + b for a, i, b in zip(v, current, bias, strict=True)]
        return [a % 2 for a in after], after, after

    def compiled(neuron, p, block):
        for now, fired in zip(block.current, block.spikes, strict=True):
            block.state[:] += now + block.bias
            fired[:] = block.state % 2

    monkeypatch.setitem(reference.UPDATES, Toggle, judged)
    monkeypatch.setitem(fast.UPDATES, Toggle, fast.by_kernel(compiled))
    traces = [load_on(name, program()).run(INPUTS, record=True) for name in ("reference", "fast")]
    assert traces[0].spikes["odd"].any()
    assert_array_equal(traces[0].spikes["odd"], traces[1].spikes["odd"])
    assert_array_equal(traces[0].logits, traces[1].logits)


@pytest.mark.parametrize(
    ("table", "missing"),
    [
        (reference.UPDATES, ()),
        (fast.UPDATES, ()),
        (on_torch.UPDATES, ()),
        (onnx_neurons.UPDATES, ()),
        (c.BRANCHES, ()),
        (lava.PROCESSES, ()),
        (nodes.NODES, (Threshold, Integrator)),  # standard nodes
    ],
)
def test_tables_have_every_model(table, missing) -> None:
    assert set(table) == set(MODELS) - set(missing)
