"""Cross-compile a program's C for several cores and levels, and measure it in the emulator."""

import tempfile
from collections.abc import Iterable
from pathlib import Path

from ultralif_deploy.errors import CheckFailed, UltralifError
from ultralif_deploy.io.progress import Progress, ShownProgress
from ultralif_deploy.schema.commands import Firmware, FirmwareBuild
from ultralif_deploy.simulators.reference import simulator as reference
from ultralif_deploy.simulators.runners.firmware.cores import CORES, OPTIMIZATIONS
from ultralif_deploy.simulators.runners.firmware.runner import COUNTED, OnCore
from ultralif_deploy.sources.opening import open_program
from ultralif_deploy.sources.settings import Settings
from ultralif_deploy.verify.backends import write_form
from ultralif_deploy.verify.certificate import first_difference


def firmware_of(
    program: str | Path,
    settings: Settings,
    cores: Iterable[str] = tuple(CORES),
    optimizations: Iterable[str] = OPTIMIZATIONS,
    progress: Progress | None = None,
) -> Firmware:
    """Flash, RAM, stack and instructions of a program, for every core and every level.

    Args:
        program: a program.
        settings: data whose samples run; the first 20 where no limit is given.
        cores: keys of `CORES`.
        optimizations: of `OPTIMIZATIONS`.
        progress: progress display for long work.

    Raises:
        UltralifError: unknown core or level, or bad input.
        Missing: a cross compiler or the emulator is not installed.
        CheckFailed: a core computes something else than the reference.
    """
    cores, optimizations = list(dict.fromkeys(cores)), list(dict.fromkeys(optimizations))
    _check("core", cores, tuple(CORES))
    _check("optimization", optimizations, OPTIMIZATIONS)
    for name in cores:
        if (missing := CORES[name].missing()) is not None:
            raise missing
    opened = open_program(program, settings)
    x = opened.dataset.test.x
    x = x if settings.limit is not None else x[:COUNTED]
    loaded = opened.program
    inputs = opened.encoder.encode(x, (0, 0))[: loaded.timesteps]
    expected = reference.load(loaded).run(inputs, record=True)
    progress = progress or ShownProgress()
    builds: list[FirmwareBuild] = []
    with tempfile.TemporaryDirectory(prefix="ultralif-") as temporary:
        write_form("c", loaded, Path(temporary) / "c")
        for name in cores:
            with progress.stage(f"run on {name}") as update:
                for i, level in enumerate(optimizations):
                    on_core = OnCore(name, loaded, Path(temporary) / "c", level)
                    found = on_core.run(inputs, record=True)
                    if (different := first_difference(expected, found)) is not None:
                        raise CheckFailed(f"{name} -{level}: {different}")
                    facts = on_core.describe()
                    builds.append(
                        {
                            "core": name,
                            "optimization": level,
                            "code_bytes": facts["code_bytes"],
                            "const_bytes": facts["const_bytes"],
                            "flash_bytes": facts["flash_bytes"],
                            "ram_bytes": facts["ram_bytes"],
                            "stack_bytes": facts["stack_bytes"],
                            "instructions": facts["instructions"],
                        }
                    )
                    update((i + 1) / len(optimizations), f"-{level}")
    return {
        "samples": len(x),
        "compilers": {name: CORES[name].version() for name in cores},
        "builds": builds,
    }


def _check(what: str, given: list[str], available: tuple[str, ...]) -> None:
    """Refuse a name that does not exist, and an empty list."""
    unknown = [name for name in given if name not in available]
    if unknown or not given:
        raise UltralifError(
            f"{what} {unknown[0] if unknown else ''!r}; available: {', '.join(available)}"
        )
