"""Exported C as a library of a build system: where the sources go, and the files around them.

The files of a package are the templates below `packages/NAME`, in the same folders. Their layouts
are those of the systems' manuals: CMake, "Arduino library specification", PlatformIO's
"library.json", Zephyr's "Modules (External projects)", and ESP-IDF's "Build System".
"""

from dataclasses import dataclass
from pathlib import Path

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.program.program import FORMAT_VERSION, Program

FOLDER = Path(__file__).parent / "packages"
SUFFIX = ".j2"


@dataclass(frozen=True, slots=True)
class Package:
    """Where exported C lies, relative to the directory of the export.

    Attributes:
        selftest: the self-test.
        entry: function that starts the self-test; None where another file calls it.
        sources: folder of the source and the header.
    """

    selftest: str = "selftest.c"
    entry: str | None = "main"
    sources: str = "src/"


PLAIN = Package(sources="")
"""The files alone."""

PACKAGES = {
    "cmake": Package(),
    "arduino": Package("examples/selftest/selftest.c", None),
    "platformio": Package("examples/selftest/src/main.c"),
    "zephyr": Package("samples/selftest/src/main.c"),
    "esp-idf": Package("examples/selftest/main/main.c", "app_main"),
}
"""Packages by the name that `export --package` uses."""


def package_of(name: str | None) -> Package:
    """The package of a name; None means the files alone.

    Raises:
        UltralifError: there is none.
    """
    if name is None:
        return PLAIN
    if name not in PACKAGES:
        raise UltralifError(f"package {name!r}; available: {', '.join(PACKAGES)}")
    return PACKAGES[name]


def templates_of(name: str | None) -> dict[str, Path]:
    """Templates of the files around the sources, by their names relative to the library."""
    if name is None:
        return {}
    folder = FOLDER / name
    found = sorted(folder.rglob(f"*{SUFFIX}"))
    return {p.relative_to(folder).as_posix().removesuffix(SUFFIX): p for p in found}


def described(program: Program) -> dict[str, object]:
    """What the templates say of a program."""
    sizes = f"{program.input.size} inputs, {program.readout.size} classes"
    return {
        "sentence": f"An integer spiking network: {sizes}, {program.timesteps} timesteps.",
        "version": f"{FORMAT_VERSION}.0.0",
    }
