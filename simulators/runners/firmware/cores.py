"""Processor cores that exported C is compiled for, and the tools that this takes."""

import importlib.util
import shutil
import subprocess
from dataclasses import dataclass
from typing import Literal

from ultralif_deploy.errors import Missing


@dataclass(frozen=True, slots=True)
class Core:
    """A processor core.

    Attributes:
        name: name of its back end.
        compiler: cross compiler, a command.
        package: Debian package of the compiler.
        flags: flags of the compiler that choose the core.
        family: instruction set, as the emulator tells them apart.
        model: name of the core in the emulator; None for the family's default.
    """

    name: str
    compiler: str
    package: str
    flags: tuple[str, ...]
    family: Literal["thumb", "rv32"]
    model: str | None = None

    def missing(self) -> Missing | None:
        """The first tool that is not installed, with the command that installs it."""
        if shutil.which(self.compiler) is None:
            return Missing(self.compiler, f"apt-get install -y {self.package}")
        absent = [name for name in ("unicorn", "elftools") if not importlib.util.find_spec(name)]
        return Missing(absent[0], "pip install 'ultralif-deploy[firmware]'") if absent else None

    def version(self) -> str:
        """What the compiler says of itself."""
        done = subprocess.run([self.compiler, "--version"], capture_output=True, text=True)
        return next(iter(done.stdout.splitlines()), self.compiler)


def _cortex(name: str, chip: str, model: str) -> Core:
    flags = (f"-mcpu={chip}", "-mthumb", "-mfloat-abi=soft")
    return Core(name, "arm-none-eabi-gcc", "gcc-arm-none-eabi", flags, "thumb", model)


RV32 = ("-march=rv32imac", "-misa-spec=2.2", "-mabi=ilp32", "-mcmodel=medany", "-mno-relax")

CORES = {
    core.name: core
    for core in (
        _cortex("c-cortex-m0", "cortex-m0", "UC_CPU_ARM_CORTEX_M0"),
        _cortex("c-cortex-m4", "cortex-m4", "UC_CPU_ARM_CORTEX_M4"),
        _cortex("c-cortex-m33", "cortex-m33", "UC_CPU_ARM_CORTEX_M33"),
        Core("c-rv32", "riscv64-unknown-elf-gcc", "gcc-riscv64-unknown-elf", RV32, "rv32"),
    )
}
"""Every core by the name of its back end."""

OPTIMIZATIONS = ("O3", "O2", "Os")
"""Levels of the compiler's optimization that are measured; back ends use the first."""
