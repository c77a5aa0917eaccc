"""What may import what: nothing downstream is seen upstream; untrusted files run no code."""

import ast
import subprocess
import sys
from functools import cache

import pytest

from support.source_tree import FILES, PACKAGE, ROOMS, TREES


@cache
def nodes(tree):
    """Nodes of a tree that import or call; nothing else is asked about here."""
    asked = (ast.Import, ast.ImportFrom, ast.Call)
    return [node for node in ast.walk(tree) if isinstance(node, asked)]


def imports(name):
    """Modules that a module imports anywhere in it, as full names."""
    found = set()
    for node in nodes(TREES[name]):
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


def room(name):
    """The folder, or the file beside the folders, that a module lies in."""
    return name.split(".")[1] if "." in name else ""


def test_every_module_is_looked_at():
    some = ("program.program", "passes.fold_bias", "simulators.fast.simulator", "cli.commands")
    assert {f"{PACKAGE}.{m}" for m in some} <= set(FILES)
    assert f"{PACKAGE}.exporters.nir.programs" in FILES
    assert f"{PACKAGE}.program.program" in imports(f"{PACKAGE}.simulators.fast.simulator")
    assert {room(name) for name in FILES} == {"", *ROOMS}


def place(name):
    """Position of a module's room; the package itself, which names what is public, is the last."""
    return ROOMS.index(room(name)) if room(name) else len(ROOMS)


def upstream(name):
    """Modules further downstream that a module imports."""
    return {seen for seen in own_imports(name) if place(seen) > place(name)}


def test_nothing_downstream_is_imported_upstream():
    assert {name: seen for name in FILES if (seen := upstream(name))} == {}


def test_no_module_imports_itself_by_way_of_others():
    done = set()

    def follow(name, path):
        assert name not in path, " -> ".join((*path, name))
        if name not in done:
            for seen in own_imports(name) & set(FILES):
                follow(seen, (*path, name))
            done.add(name)

    for name in FILES:
        follow(name, ())


BACK_ENDS = [name for name in FILES if room(name) in ("exporters", "simulators")]


def other_rooms(name):
    """Rooms that a back end imports from and may not."""
    allowed = {"errors", "io", "schema", "program", "chips", room(name)}
    return {room(m) for m in own_imports(name)} - allowed


def test_back_ends_see_the_program_and_their_own_room():
    assert BACK_ENDS
    assert {name: seen for name in BACK_ENDS if (seen := other_rooms(name))} == {}


ON_TORCH = f"{PACKAGE}.simulators.torch_device."
"""Modules above the soft network that may import torch; nothing but their own folder imports them,
and `verify/backends.py` inside a function."""


def test_the_back_end_on_torch_is_imported_by_those_who_ask_for_it_alone():
    seen = {n for n in FILES for m in own_imports(n) if m.startswith(ON_TORCH)}
    assert {n for n in seen if not n.startswith(ON_TORCH)} == {f"{PACKAGE}.verify.backends"}


WITHOUT_TORCH = ROOMS[: ROOMS.index("soft")]


def frameworks(name):
    """Frameworks on torch that a module imports."""
    seen = {m.split(".")[0] for m in imports(name)}
    return {"torch", "snntorch", "spikingjelly", "norse", "sinabs"} & seen


def test_torch_is_imported_left_of_the_network_alone():
    names = [n for n in FILES if room(n) in WITHOUT_TORCH and not n.startswith(ON_TORCH)]
    assert names
    assert {name: seen for name in names if (seen := frameworks(name))} == {}


MODULES = (
    *("program.program", "network.network", "network.running", "passes", "quantization.quantize"),
    *("simulators", "verify.backends", "exporters", "energy", "sources.settings", "cli.commands"),
)


def test_importing_does_not_load_torch():
    """One process imports them in turn, and names the first that loads what none may."""
    code = (
        f"import importlib, sys\nfor module in {MODULES}:\n"
        f"    importlib.import_module('{PACKAGE}.' + module)\n"
        "    print([m for m in ('torch', 'matplotlib', 'rich') if m in sys.modules], module)"
    )
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False
    )
    expected = "".join(f"[] {module}\n" for module in MODULES)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, expected, "")


def test_doctor_does_not_load_a_torch_without_a_gpu(tmp_path):
    (tmp_path / "version.py").write_text("cuda = None\nhip = None\n", "utf-8")
    code = (
        f"import pathlib, sys\nfrom {PACKAGE}.io import torch_build\n"
        f"torch_build.version_file = lambda: pathlib.Path({str(tmp_path / 'version.py')!r})\n"
        f"from {PACKAGE}.cli.commands import main\n"
        "main(['doctor'], standalone_mode=False)\nprint('torch' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout.splitlines()[-1]) == (0, "False"), ran.stderr


def calls(name):
    return [node for node in nodes(TREES[name]) if isinstance(node, ast.Call)]


def dotted(node):
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else "…"


def test_untrusted_files_cannot_run_code():
    for name in FILES:
        check_that_files_cannot_run_code(name)


def check_that_files_cannot_run_code(name):
    assert not {"pickle", "dill", "joblib", "marshal", "shelve"} & imports(name) or (
        name == f"{PACKAGE}.soft.checkpoint_file"  # for the exception that it catches
    ), name
    for call in calls(name):
        called = dotted(call.func)
        given = {k.arg: ast.unparse(k.value) for k in call.keywords}
        where = f"{name}:{call.lineno}"
        assert called not in {"eval", "exec", "pickle.load", "pickle.loads"}, where
        assert given.get("allow_pickle", "False") == "False", where
        if called in {"np.load", "numpy.load"}:
            assert given.get("allow_pickle") == "False", where
        if called == "torch.load":
            assert name == f"{PACKAGE}.soft.checkpoint_file", where
            assert given.get("weights_only") == "True", where
    for node in nodes(TREES[name]):
        if isinstance(node, ast.ImportFrom) and node.module == "torch":
            assert "load" not in {a.name for a in node.names}, name


def test_torch_load_is_called_in_one_place():
    places = [name for name in FILES for call in calls(name) if dotted(call.func) == "torch.load"]
    assert places == [f"{PACKAGE}.soft.checkpoint_file"]


def test_code_of_users_is_run_in_one_place():
    run = {"exec_module", "load_module", "run_path", "run_module"}
    found = {
        name for name in FILES for call in calls(name) if dotted(call.func).split(".")[-1] in run
    }
    assert found == {f"{PACKAGE}.sources.user_code"}


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
        check_that_files_cannot_run_code("planted")


def test_a_wrong_import_is_found(monkeypatch):
    name = f"{PACKAGE}.simulators.fast.simulator"
    network = ast.parse("from ultralif_deploy.network.network import Network")
    monkeypatch.setitem(TREES, name, network)
    assert other_rooms(name) == {"network"}
    with pytest.raises(AssertionError, match=name):
        test_back_ends_see_the_program_and_their_own_room()
    name = f"{PACKAGE}.program.graph"
    monkeypatch.setitem(TREES, name, ast.parse("def f():\n    import ultralif_deploy.cli.options"))
    with pytest.raises(AssertionError, match=name):
        test_nothing_downstream_is_imported_upstream()
    program = ast.parse("from ultralif_deploy.program.program import Program")
    monkeypatch.setitem(TREES, name, program)
    with pytest.raises(AssertionError):
        test_no_module_imports_itself_by_way_of_others()
    monkeypatch.setitem(TREES, name, ast.parse("def f():\n    import torch"))
    with pytest.raises(AssertionError, match=name):
        test_torch_is_imported_left_of_the_network_alone()
