"""The modules of the package as files and as syntax trees, and the order of its rooms."""

import ast

from support.paths import ROOT

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


class Trees(dict[str, ast.Module]):
    """Syntax trees by module; each is parsed where a test first asks for it."""

    def __missing__(self, name: str) -> ast.Module:
        path = FILES[name]
        return self.setdefault(name, ast.parse(path.read_text("utf-8"), str(path)))

    def all(self) -> dict[str, ast.Module]:
        """The trees of all modules."""
        return {name: self[name] for name in FILES}


TREES = Trees()

ROOMS = (
    *("errors", "io", "schema", "program", "chips", "exporters", "findings", "data", "network"),
    *(
        "passes",
        "quantization",
        "simulators",
        "energy",
        "soft",
        "readers",
        "verify",
        "sources",
        "report",
    ),
    *("steps", "robustness", "pipeline", "sweeps", "cli", "__main__"),
)
"""All rooms in the order of what they see: a module sees its own room and those before it."""
