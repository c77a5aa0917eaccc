"""A loaded program may be called from several threads at once."""

import gc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from ultralif_deploy.program.graph import Dense, Projection
from ultralif_deploy.program.neurons import LIF, Integrator, Threshold
from ultralif_deploy.program.program import Input, Population, Program
from ultralif_deploy.program.trace import Executable
from ultralif_deploy.simulators.reference import simulator as reference
from ultralif_deploy.verify.backends import load_on

IN_THIS_PROCESS = ("reference", "fast", "c", "onnx", "loihi1", "loihi2")
SIZES = (30, 24, 20, 4)
RUNS = 48


def chain(leaky: bool) -> Program:
    rng = np.random.default_rng(2)
    names = ["input", "a", "b", "out"]
    populations, projections = [], []
    for i, size in enumerate(SIZES[1:], 1):
        weight = rng.integers(-8, 12, (size, SIZES[i - 1]))
        projections.append(Projection(names[i - 1], names[i], Dense(weight)))
        zeros = np.zeros(size)
        fires = LIF(zeros + 64 * 20, zeros + 500, zeros) if leaky else Threshold(zeros + 20)
        model = fires if size != SIZES[-1] else Integrator()
        populations.append(Population(names[i], size, model, zeros, np.ones(size)))
    return Program(Input(SIZES[0]), tuple(populations), tuple(projections), "8", 6, 1)


@pytest.mark.parametrize("leaky", [False, True], ids=["threshold units", "LIF"])
@pytest.mark.parametrize("name", IN_THIS_PROCESS)
def test_threads_share_a_loaded_program(name: str, leaky: bool, tmp_path: Path) -> None:
    program = chain(leaky)
    executable = load_on(name, program)
    rng = np.random.default_rng(7)
    inputs = [(rng.random((6, 5, SIZES[0])) < 0.3).astype(np.uint8) for _ in range(RUNS)]
    with ThreadPoolExecutor(8) as pool:
        traces = list(pool.map(lambda x: executable.run(x, record=True), inputs))
    judge: Executable = reference.load(program)
    for x, trace in zip(inputs, traces, strict=True):
        expected = judge.run(x, record=True)
        assert trace.spikes is not None
        assert expected.spikes is not None
        assert_array_equal(trace.logits, expected.logits)
        for population, spikes in expected.spikes.items():
            assert_array_equal(trace.spikes[population], spikes)


def test_a_compiled_program_leaves_no_mapping_behind() -> None:
    def mapped() -> int:
        return Path("/proc/self/maps").read_text().count("ultralif-")

    gc.collect()  # programs that other tests compiled
    before = mapped()
    executable = load_on("c", chain(leaky=False))
    executable.run(np.zeros((6, 1, SIZES[0]), dtype=np.uint8))
    assert mapped() > before
    del executable
    gc.collect()
    assert mapped() == before
