"""What may import what: nothing downstream is seen upstream; untrusted files run no code."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = "ultralif_deploy"
FILES = {
    ".".join([PACKAGE, *(path.relative_to(base).with_suffix("").parts)]).removesuffix(
        ".__init__"
    ): path
    for base, folder in (
        (ROOT / PACKAGE, ROOT / PACKAGE),
        (ROOT, ROOT / "exporters"),
        (ROOT, ROOT / "simulators"),
    )
    for path in sorted(folder.rglob("*.py"))
}
TREES = {name: ast.parse(path.read_text("utf-8"), str(path)) for name, path in FILES.items()}


def imports(name):
    """Modules that a module imports anywhere in it, as full names."""
    found = set()
    for node in ast.walk(TREES[name]):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name}: relative import"
            found.add(node.module)
            found |= {full for a in node.names if (full := f"{node.module}.{a.name}") in FILES}
    return found


def own_imports(name):
    """Modules of this package that a module imports, without the package itself."""
    return {m for m in imports(name) if m.startswith(PACKAGE + ".")}


def test_every_module_is_looked_at():
    assert {f"{PACKAGE}.{m}" for m in ("program", "passes.fold_bias", "simulators.fast")} <= set(
        FILES
    )
    assert f"{PACKAGE}.exporters.nir" in FILES
    assert f"{PACKAGE}.program" in imports(f"{PACKAGE}.simulators.fast")
    assert len(FILES) > 40


BACK_END_MAY_SEE = {
    f"{PACKAGE}.{module}"
    for module in (
        "program",
        "fixed",
        "exact_ranges",
        "weight_format",
        "graph",
        "files",
        "errors",
        "resets",
    )
}
MAY_SEE_TOO = {
    f"{PACKAGE}.{module}": {f"{PACKAGE}.{other}" for other in others}
    for module, others in {
        "simulators.c_runner": ("exporters.c",),
        "simulators.onnx_runner": ("exporters.onnx",),
        "simulators.lava_runner": ("exporters.lava", "exporters.netx"),
        **dict.fromkeys(
            ("exporters.lava", "exporters.netx"),
            ("simulators.chips", "simulators.loihi_stock", "simulators.placement"),
        ),
    }.items()
}
"""What runs an exported form sees its exporter; forms for one chip share its registers."""
BACK_ENDS = [
    name for name in FILES if name.startswith((f"{PACKAGE}.exporters", f"{PACKAGE}.simulators"))
]


@pytest.mark.parametrize("name", BACK_ENDS)
def test_back_ends_see_the_program_and_their_own_package(name):
    own = ".".join(name.split(".")[:2])
    seen = {m for m in own_imports(name) if m != own and not m.startswith(own + ".")}
    assert seen <= BACK_END_MAY_SEE | MAY_SEE_TOO.get(name, set())
    assert "torch" not in {m.split(".")[0] for m in imports(name)}


ORDER = [
    {"errors", "findings", "moments"},
    {"fixed", "exact_ranges", "files", "assumptions", "resets", "normalization"},
    {"convolution", "npz", "weight_format"},
    {"graph", "data.loading", "integer_second_order", "log_max"},
    {"network", "program", "grid", "data", "composition"},
    {"hard_second_order", "second_order", "encode"},
    {"hard", "neurons"},
    {"baseline_neurons"},
    {"neuron_kinds"},
    {"passes", "architectures", "channel_blocks"},
    {"memory"},
    {"registers"},
    {"integer_neurons"},
    {"quantization", "models", "layout", "checkpoint_names"},
    {"hardening", "checkpoint_file"},
    {"checkpoint"},
    {"loop_quantization", "second_order_checkpoint"},
    {"training"},
    {"reestimation"},
    {"anneal"},
]
"""Layers of the road from checkpoint to program; a module sees those before its own."""


def rank(module):
    short = module.removeprefix(PACKAGE + ".")
    short = "passes" if short.startswith("passes") else short
    ranks = [i for i, layer in enumerate(ORDER) if short in layer]
    return ranks[0] if ranks else None


@pytest.mark.parametrize("layer", range(len(ORDER)))
def test_nothing_downstream_is_imported_upstream(layer):
    members = [name for name in FILES if rank(name) == layer]
    assert members
    for name in members:
        for seen in own_imports(name):
            if "passes" in name and "passes" in seen:
                continue
            assert rank(seen) is not None, f"{name} imports {seen}"
            assert rank(seen) < layer, f"{name} imports {seen}"


WITH_TORCH = {
    f"{PACKAGE}.{m}"
    for m in (
        "neurons",
        "baseline_neurons",
        "neuron_kinds",
        "architectures",
        "models",
        "checkpoint",
        "checkpoint_file",
        "checkpoint_names",
        "training",
        "anneal",
        "reestimation",
        "layout",
        "loop_quantization",
        "second_order_checkpoint",
        "hardening",
    )
}


def test_torch_is_imported_left_of_the_network_alone():
    def at_the_top(name):
        body = TREES[name].body
        names = {a.name for n in body if isinstance(n, ast.Import) for a in n.names}
        names |= {n.module for n in body if isinstance(n, ast.ImportFrom)}
        return {m.split(".")[0] for m in names} >= {"torch"} or bool(names & WITH_TORCH)

    for name in BACK_ENDS + [n for n in FILES if rank(n) is not None]:
        assert at_the_top(name) == (name in WITH_TORCH), name


MODULES = ("program", "network", "hard", "passes", "quantization", "simulators", "exporters")


@pytest.mark.parametrize("module", MODULES)
def test_importing_does_not_load_torch(module):
    code = (
        f"import sys, {PACKAGE}.{module}\n"
        "print([m for m in ('torch', 'matplotlib', 'rich', 'click') if m in sys.modules])"
    )
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "[]\n", "")


def calls(name):
    return [node for node in ast.walk(TREES[name]) if isinstance(node, ast.Call)]


def dotted(node):
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else "…"


@pytest.mark.parametrize("name", FILES)
def test_untrusted_files_cannot_run_code(name):
    assert not {"pickle", "dill", "joblib", "marshal", "shelve"} & imports(name) or (
        name == f"{PACKAGE}.checkpoint_file"  # for the exception that it catches
    )
    for call in calls(name):
        called = dotted(call.func)
        given = {k.arg: ast.unparse(k.value) for k in call.keywords}
        where = f"{name}:{call.lineno}"
        assert called not in {"eval", "exec", "pickle.load", "pickle.loads"}, where
        assert given.get("allow_pickle", "False") == "False", where
        if called in {"np.load", "numpy.load"}:
            assert given.get("allow_pickle") == "False", where
        if called == "torch.load":
            assert name == f"{PACKAGE}.checkpoint_file", where
            assert given.get("weights_only") == "True", where
    for node in ast.walk(TREES[name]):
        if isinstance(node, ast.ImportFrom) and node.module == "torch":
            assert "load" not in {a.name for a in node.names}


def test_torch_load_is_called_in_one_place():
    places = [name for name in FILES for call in calls(name) if dotted(call.func) == "torch.load"]
    assert places == [f"{PACKAGE}.checkpoint_file"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("torch.load(p)", "torch.load"),
        ("np.load(p, allow_pickle=True)", "allow_pickle"),
        ("np.load(p)", "allow_pickle"),
        ("eval(p)", "eval"),
        ("import pickle", "pickle"),
    ],
)
def test_what_these_checks_look_for_is_found(monkeypatch, text, message):
    monkeypatch.setitem(TREES, "planted", ast.parse(text))
    with pytest.raises(AssertionError):
        test_untrusted_files_cannot_run_code("planted")


def test_a_wrong_import_is_found(monkeypatch):
    name = f"{PACKAGE}.simulators.fast"
    monkeypatch.setitem(TREES, name, ast.parse("from ultralif_deploy.network import Network"))
    with pytest.raises(AssertionError):
        test_back_ends_see_the_program_and_their_own_package(name)
    name = f"{PACKAGE}.graph"
    monkeypatch.setitem(TREES, name, ast.parse("def f():\n    import ultralif_deploy.program"))
    with pytest.raises(AssertionError):
        test_nothing_downstream_is_imported_upstream(rank(name))
