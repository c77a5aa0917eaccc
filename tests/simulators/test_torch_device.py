"""The back end on torch is the reference to the bit, on the CPU and on a second device made of it.

`torch-cuda` runs the same code; its tensors lie on a GPU, which these tests do not need.
"""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from support.comparisons import SHARE, Load, assert_same_trace, back_ends_agree, holds
from support.devices.far import FAR, Far, far_device
from support.planting import Change, copy_of
from support.strategies.programs import graded_programs, programs, second_order_programs
from support.strategies.second_order import SPIKING
from support.strategies.shapes import inputs_for
from ultralif_deploy.errors import Missing, UltralifError
from ultralif_deploy.io import torch_build
from ultralif_deploy.program.graph import Conv2d, Dense, Identity, LinearMap, Projection
from ultralif_deploy.program.neurons import Integrator
from ultralif_deploy.program.program import Input, Population, Program, executed_arrays
from ultralif_deploy.simulators.reference import simulator as reference
from ultralif_deploy.simulators.torch_device import products, simulator
from ultralif_deploy.simulators.torch_device.simulator import OnTorch
from ultralif_deploy.soft import compute
from ultralif_deploy.verify.backends import load_on

HERE = "ultralif_deploy.simulators.torch_device"
IMAGES = programs(kinds=("threshold", "lif"), delayed=False, chain=True, images=True)


def on_cpu(program: Program) -> OnTorch:
    return simulator.load(program, "cpu")


DRAWN = {
    "of first order": (programs(), 200),
    "of second order": (second_order_programs(), 60),
    "graded": (graded_programs(), 100),
    "images": (IMAGES, 60),
}


@pytest.mark.parametrize("drawn", DRAWN)
def test_programs_are_equal_to_the_reference(drawn: str) -> None:
    strategy, examples = DRAWN[drawn]
    back_ends_agree(on_cpu, drawn=strategy, examples=examples)


def test_another_device_computes_the_same_and_no_tensor_stays_behind() -> None:
    def check(data: st.DataObject) -> None:
        program = data.draw(st.one_of(programs(), graded_programs(), second_order_programs()))
        inputs = data.draw(inputs_for(program, program.timesteps, 3))
        there = simulator.load(program, FAR)
        expected = reference.load(program).run(inputs, record=True)
        assert_same_trace(there.run(inputs, record=True), expected)
        for name, array in executed_arrays(program).items():
            assert_array_equal(there.executed()[name], array, name)

    Far.computed.clear()
    with far_device("cuda"):
        holds(check, st.data(), examples=60, share=SHARE)
        groups_are_those_of_the_program(FAR)
    assert {"aten.mm.default", "aten.im2col.default", "aten.copy_.default"} <= set(Far.computed)


def test_blocks_of_samples_and_of_patches_join_to_the_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(products, "PATCH_BYTES", 1)
    back_ends_agree(on_cpu, drawn=IMAGES, examples=40)
    monkeypatch.setattr(simulator, "BLOCK_BYTES", 1)
    back_ends_agree(on_cpu, examples=40)


def test_as_many_samples_run_at_once_as_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    made = on_cpu(summing(Dense(np.ones((3, 5), dtype=np.int8)), 1))
    # 5 + 3 values of 1 byte, and 5 of 32 bytes, at 4 timesteps and the one before them.
    each = 5 * (5 * 32 + 8)
    for room, length in ((1, 1), (2 * each - 1, 1), (2 * each, 2), (9 * each, 9)):
        monkeypatch.setattr(simulator, "BLOCK_BYTES", room)
        assert made._samples_at_once(4) == length


@pytest.mark.parametrize(("time", "batch"), [(0, 2), (3, 0), (0, 0)])
def test_nothing_to_run_gives_nothing(time: int, batch: int) -> None:
    def check(program: Program) -> None:
        inputs = np.zeros((time, batch, program.input.size), dtype=np.uint8)
        expected = reference.load(program).run(inputs, record=True)
        assert_same_trace(on_cpu(program).run(inputs, record=True), expected)

    holds(check, programs(timesteps=3), examples=30)


def summing(linear: LinearMap, largest: int) -> Program:
    """A program that adds up the currents of one map."""
    size = linear.target_size
    readout = Population("r", size, Integrator(), np.zeros(size), np.ones(size))
    projection = Projection("input", "r", linear)
    return Program(Input(linear.source_size, largest), (readout,), (projection,), "8", 1, 1)


@pytest.mark.parametrize(("count", "kind"), [(518, torch.float32), (519, torch.float64)])
@pytest.mark.parametrize("shape", ["dense", "convolution"])
def test_sums_are_exact_at_the_extremes(count: int, kind: torch.dtype, shape: str) -> None:
    # 518 · 127 · 255 < 2^24 ≤ 519 · 127 · 255, where odd sums have no float32.
    weight = np.zeros((2, 1, 23, 23), dtype=np.int8)
    weight[0].flat[:count], weight[1].flat[:count:2] = 127, -127
    linear: LinearMap = Conv2d(weight, (1, 24, 24), padding=(1, 0))
    if shape == "dense":
        linear = Dense(weight.reshape(2, -1))
    program = summing(linear, 255)
    made = on_cpu(program)
    assert made.kinds == {"r": kind}
    rows = np.full((3, linear.source_size), 255, dtype=np.uint8)
    rows[1, 0], rows[2] = 254, np.arange(rows.shape[1]) % 256
    found = made.run(rows[None]).logits
    assert_array_equal(found, rows.astype(np.int64) @ linear.matrix().T.astype(np.int64))
    assert_array_equal(made.executed()["input->r"], linear.weight)


def groups_are_those_of_the_program(device: str | torch.device) -> None:
    rng = np.random.default_rng(0)
    weight = rng.integers(-128, 128, (6, 2, 3, 2))
    linear = Conv2d(weight, (4, 9, 8), stride=(2, 1), padding=(1, 2), dilation=(1, 3), groups=2)
    inputs = rng.integers(0, 256, (1, 7, linear.source_size), dtype=np.uint8)
    expected = inputs[0].astype(np.int64) @ linear.matrix().T
    found = simulator.load(summing(linear, 255), device).run(inputs)
    assert_array_equal(found.logits, expected)


def test_groups_dilation_and_stride_are_those_of_the_program() -> None:
    groups_are_those_of_the_program("cpu")


def test_products_keep_all_bits_of_float32_and_leave_the_setting_as_it_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen = []
    sum_of = products.OfRows.__call__

    def spied(self: products.OfRows, rows: torch.Tensor) -> torch.Tensor:
        seen.append((torch.get_float32_matmul_precision(), torch.backends.cuda.matmul.allow_tf32))
        return sum_of(self, rows)

    monkeypatch.setattr(products.OfRows, "__call__", spied)
    made = on_cpu(summing(Dense(np.ones((1, 2), dtype=np.int8)), 1))
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    try:
        made.run(np.ones((1, 1, 2), dtype=np.uint8))
        assert seen == [("highest", False)]
        assert torch.get_float32_matmul_precision() == "high"
    finally:
        torch.set_float32_matmul_precision(before)


def test_a_precision_that_cannot_be_put_back_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def mixed() -> str:
        raise RuntimeError("you have used mix of the legacy and new APIs")

    monkeypatch.setattr(torch, "get_float32_matmul_precision", mixed)
    made = on_cpu(summing(Identity(2), 1))
    with pytest.raises(UltralifError, match=r"torch: the precision .* expected torch\.set_float32"):
        made.run(np.ones((1, 1, 2), dtype=np.uint8))


def test_the_device_is_named() -> None:
    facts = on_cpu(summing(Identity(2), 1)).describe()
    assert facts == {"torch": torch.__version__, "device": "cpu"}


CPU_BUILD = "from typing import Optional\ncuda: Optional[str] = None\nhip: Optional[str] = None\n"


def test_a_build_without_cuda_is_refused_without_asking_torch(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "version.py"
    file.write_text(CPU_BUILD)
    monkeypatch.setattr(torch_build, "version_file", lambda: file)
    monkeypatch.setitem(compute.PRESENT, "cuda", lambda: (1, ""))
    message = r"torch with CUDA \(torch .* was built without it\) is not installed; .*pytorch\.org"
    with pytest.raises(Missing, match=message):
        load_on("torch-cuda", summing(Identity(2), 1))


@pytest.mark.parametrize("build", [CPU_BUILD.replace("None", "'12.9'", 1), "hip = '6.4'\n", ""])
def test_a_machine_without_a_gpu_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, build: str
) -> None:
    file = tmp_path / "version.py"
    file.write_text(build)
    monkeypatch.setattr(torch_build, "version_file", lambda: file if build else None)
    monkeypatch.setattr(torch.version, "cuda", "12.9")
    monkeypatch.setitem(compute.PRESENT, "cuda", lambda: (0, "why"))
    message = r"a GPU that torch .* for CUDA 12\.9 can use is not installed; .*nvidia-smi shows"
    with pytest.raises(Missing, match=message):
        load_on("torch-cuda", summing(Identity(2), 1))
    monkeypatch.setitem(compute.PRESENT, "cuda", lambda: (1, ""))
    assert compute.missing_gpu() is None


def test_the_build_of_this_torch_is_read() -> None:
    built = torch.version.cuda or torch.version.hip
    assert (torch_build.missing_gpu_build() is None) == (built is not None)


def planted(where: str, change: Change) -> Load:
    """The back end with a bug in one of its modules."""
    parts = {name: copy_of(f"{HERE}.{name}", change) for name in {where} - {"simulator"}}
    changes = [change] if where == "simulator" else []
    names = {"updates": ("UPDATES", "Update"), "products": ("product", "kind_for")}
    replaced = {n: getattr(module, n) for name, module in parts.items() for n in names[name]}
    made = copy_of(f"{HERE}.simulator", *changes, **replaced)
    return lambda program: made.load(program, "cpu")


NARROW = programs(kinds=("released", "paper", "logmax"))
"""Membranes of 24 bits, which saturate often."""

LIFS = programs(kinds=("lif", "cubalif"))
RINGS = programs(kinds=("released", "paper"))
SUMS = programs(kinds=("threshold",), readouts=("leaky_sum",))

PLANTED = {
    "leak rounds down": (
        "updates",
        LIFS,
        ("torch.where(v < 0, -kept, kept)", "(v * ((1 << bits) - decay)) >> bits"),
    ),
    "threshold fires at equality": (
        "updates",
        programs(kinds=("threshold",)),
        ('p.current + p.bias > p["threshold"]', 'p.current + p.bias >= p["threshold"]'),
    ),
    "tropical reset forgotten": (
        "updates",
        programs(kinds=("tropical",)),
        ('torch.where(spikes, p["reset"], u)', "u", "_tropical_lif"),
    ),
    "membrane without saturation": ("updates", NARROW, ("v.clamp(-top, top)", "v")),
    "lower bound forgotten": (
        "updates",
        LIFS,
        ('torch.maximum(after, p["floor"]) if "floor" in p.parameters else after', "after"),
    ),
    "late reset at once": ("updates", LIFS, ("torch.where(p.words[0] > threshold, late, u)", "u")),
    "one spike too few": (
        "updates",
        LIFS,
        ('above.clamp(min=0) + p["reset"] - 1', "above.clamp(min=0)"),
    ),
    "synaptic current with the membrane's decay": (
        "updates",
        LIFS,
        (
            '_leaked(p, 1, "synaptic_decay") + p.drive(p.neuron.fraction_bits)',
            "_leaked(p, 1) + p.drive(p.neuron.fraction_bits)",
        ),
    ),
    "one neighbour forgotten": (
        "updates",
        RINGS,
        ("torch.maximum(ring.roll(stride, -1), ring.roll(-stride, -1))", "ring.roll(stride, -1)"),
    ),
    "paper form leaks its neighbours": (
        "updates",
        RINGS,
        ("largest(_leaked(p), p.words[0])", "largest(_leaked(p), _leaked(p))"),
    ),
    "table does not end": (
        "updates",
        programs(kinds=("logmax",)),
        (
            "torch.where(inside, table[entry.clamp(max=len(table) - 1)], 0)",
            "table[entry.clamp(max=len(table) - 1)]",
        ),
    ),
    "levels take the reset of the next": (
        "updates",
        graded_programs(),
        (
            'torch.cat([torch.zeros_like(p["reset"][:1]), p["reset"]])',
            'torch.cat([p["reset"], p["reset"][-1:]])',
        ),
    ),
    "levels of another neuron": (
        "updates",
        graded_programs(),
        (
            'p["thresholds"].view(p.neuron.levels, -1)',
            'p["thresholds"].view(-1, p.neuron.levels).T',
        ),
    ),
    "halves downwards": (
        "updates",
        second_order_programs(*SPIKING),
        ("(product + (torch.ones_like(c) << (c - 1))) >> c", "product >> c"),
    ),
    "silif forgets the old spike": (
        "updates",
        second_order_programs("silif"),
        ('u - p["reset"] * before + w', "u + w"),
    ),
    "csilif conjugates": (
        "updates",
        second_order_programs("csilif"),
        ("real * r - imaginary * y", "real * r + imaginary * y"),
    ),
    "adalif adapts in silence": (
        "updates",
        second_order_programs("adalif"),
        ('torch.where(spikes, p["jump"], 0)', 'p["jump"]'),
    ),
    "the sum lags": ("updates", SUMS, ("return None, (total + u, u)", "return None, (total, u)")),
    "delayed projections act at once": (
        "simulator",
        programs(),
        ("late = projection.name in self.program.delayed", "late = False", "_carried"),
    ),
    "operations of the last timestep counted": (
        "simulator",
        programs(),
        ("values[:-1] if p.name in self.program.delayed else values[1:]", "values[1:]"),
    ),
    "what was spoken within a stage is lost": (
        "simulator",
        programs(),
        ("current = current + self._carried(projection, sent, window)", "pass"),
    ),
    "the second word as logits": (
        "simulator",
        SUMS,
        ("states[program.readout.name][0]", "states[program.readout.name][-1]"),
    ),
    "initial values ignored": (
        "simulator",
        programs(kinds=("tropical",)),
        ("self._placed(word)", "self._placed(0 * word)"),
    ),
    "groups of channels mixed": (
        "products",
        IMAGES,
        (
            "sums.view(groups, len(rows), places, outer).permute(1, 0, 3, 2)",
            "sums.view(len(rows), groups, places, outer).permute(0, 1, 3, 2)",
        ),
    ),
}


@pytest.mark.parametrize("bug", PLANTED)
def test_planted_bugs_are_found(bug: str) -> None:
    where, drawn, change = PLANTED[bug]
    with pytest.raises(AssertionError):
        back_ends_agree(planted(where, change), drawn=drawn, examples=400, planted=True)


def test_unchanged_copies_are_exact() -> None:
    for where in ("updates", "products"):
        load = planted(where, ("import torch", "import torch"))
        back_ends_agree(load, examples=5, planted=True)


def test_too_narrow_floats_are_found() -> None:
    narrow = planted("products", ("torch.float64", "torch.float32", "kind_for"))
    weight = np.full((1, 600), 127, dtype=np.int8)
    inputs = np.full((1, 1, 600), 255, dtype=np.uint8)
    inputs[0, 0, 0] = 254
    program = summing(Dense(weight), 255)
    assert_array_equal(on_cpu(program).run(inputs).logits, [[127 * (600 * 255 - 1)]])
    assert narrow(program).run(inputs).logits[0, 0] != 127 * (600 * 255 - 1)
