"""How much memory the contents of one input file may take; checked before any is taken."""

import os
import re
import resource
from contextlib import suppress
from pathlib import Path

from ultralif_deploy.errors import UltralifError

VARIABLE = "ULTRALIF_MAX_MEMORY"
OPTION = "--max-memory"

SHARE = 4
"""A file may fill one part in so many of the memory: it is copied while it is worked on."""

UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
CGROUPS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def size_bytes(text: str) -> int:
    """A size as bytes: a number alone, or with K, M, G or T for powers of 1024.

    Raises:
        ValueError: something else.
    """
    found = re.fullmatch(r"(\d{1,12}(?:\.\d{1,6})?)\s*([KMGT]?)(?:i?B)?", text.strip(), re.I)
    size = int(float(found[1]) * UNITS[found[2].upper()]) if found else 0
    if size < 1:
        raise ValueError(f"{text!r}; expected a size, as 500M or 8G")
    return size


def allowed_bytes() -> int:
    """Bytes that the contents of one file may take: what the user set, or a share of the memory.

    Raises:
        UltralifError: the environment variable holds no size.
    """
    text = os.environ.get(VARIABLE, "")
    if not text:
        return _memory_bytes() // SHARE
    try:
        return size_bytes(text)
    except ValueError as error:
        raise UltralifError(f"{VARIABLE}={error}") from error


def check_memory(what: str, needed_bytes: int, way_out: str = "") -> None:
    """Refuse what would take more memory than is allowed.

    Args:
        what: text that names the file and the entry, and says what takes the memory.
        needed_bytes: bytes that it takes.
        way_out: what else the user can do than allow more.

    Raises:
        UltralifError: naming the size, the bound and the option.
    """
    most = allowed_bytes()
    if needed_bytes > most:
        raise UltralifError(
            f"{what}: {needed_bytes:,} bytes; at most {most:,}"
            f"{'' if os.environ.get(VARIABLE) else ', a quarter of the memory here'}; "
            f"{f'{way_out}, or ' if way_out else ''}allow more with {OPTION} or {VARIABLE}"
        )


def check_contents(where: str, declared_bytes: int) -> None:
    """Refuse a file, or an entry of one, that declares more contents than memory is allowed for.

    Args:
        where: text that names the file and the entry.
        declared_bytes: bytes that they take when unpacked.

    Raises:
        UltralifError: naming the size, the bound and the option.
    """
    check_memory(f"{where}: declared contents", declared_bytes)


def _memory_bytes() -> int:
    """Memory of the machine, or less where the process may not have all of it."""
    found = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for path in CGROUPS:
        with suppress(OSError, ValueError):
            found.append(int(Path(path).read_text(encoding="ascii")))
    most, _ = resource.getrlimit(resource.RLIMIT_AS)
    return min(found if most == resource.RLIM_INFINITY else [*found, most])
