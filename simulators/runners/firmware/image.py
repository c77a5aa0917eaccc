"""An exported program as an image for a core: cross-compiled, linked, and read by its symbols."""

import io
import tempfile
from dataclasses import dataclass
from pathlib import Path

from ultralif_deploy.io.artefacts import C_SOURCE
from ultralif_deploy.simulators.runners.c import STRICT_FLAGS, call_compiler
from ultralif_deploy.simulators.runners.firmware.cores import Core

HARNESS = Path(__file__).parent / "image.c"
FLASH, RAM = 0x10000, 0x20000000
EXECUTABLE = 4
"""SHF_EXECINSTR of an ELF section; SHF_ALLOC is 2."""


@dataclass(frozen=True, slots=True)
class Image:
    """A linked program.

    Attributes:
        segments: bytes to load, by address.
        symbols: address and size, by name.
        code_bytes, const_bytes: in flash, with what the compiler's own library adds.
    """

    segments: dict[int, bytes]
    symbols: dict[str, tuple[int, int]]
    code_bytes: int
    const_bytes: int


def build(core: Core, directory: Path, optimization: str) -> Image:
    """Compile and link `ultralif_program.c` of a directory.

    Args:
        core: processor core.
        directory: directory with the exported files.
        optimization: level of the compiler's optimization, for example one of `OPTIMIZATIONS`.

    Raises:
        UltralifError: it does not compile.
    """
    with tempfile.TemporaryDirectory(prefix="ultralif-") as temporary:
        path = Path(temporary) / "image.elf"
        command = [
            *(core.compiler, *core.flags, *STRICT_FLAGS, f"-{optimization}", "-ffreestanding"),
            *("-fno-tree-loop-distribute-patterns", "-c", f"-I{directory}", str(HARNESS)),
            *("-o", f"{temporary}/harness.o"),
        ]
        call_compiler(core.name, command)
        command = [
            *(core.compiler, *core.flags, *STRICT_FLAGS, f"-{optimization}", "-ffreestanding"),
            *("-nostdlib", f"-I{directory}", str(directory / C_SOURCE), f"{temporary}/harness.o"),
            *(f"-Wl,-Ttext={FLASH:#x},-Tbss={RAM:#x},-e,ultralif_step,--build-id=none", "-lgcc"),
            *("-o", str(path)),
        ]
        call_compiler(core.name, command)
        return _read(path.read_bytes())


def _read(content: bytes) -> Image:
    from elftools.elf.elffile import ELFFile
    from elftools.elf.sections import SymbolTableSection

    elf = ELFFile(io.BytesIO(content))
    segments = {s["p_paddr"]: s.data() for s in elf.iter_segments("PT_LOAD") if s["p_filesz"]}
    tables = [s for s in elf.iter_sections() if isinstance(s, SymbolTableSection)]
    symbols = {s.name: (s["st_value"], s["st_size"]) for t in tables for s in t.iter_symbols()}
    stored = [s for s in elf.iter_sections() if s["sh_flags"] & 2 and s["sh_type"] != "SHT_NOBITS"]
    code = sum(s["sh_size"] for s in stored if s["sh_flags"] & EXECUTABLE)
    return Image(segments, symbols, code, sum(s["sh_size"] for s in stored) - code)
