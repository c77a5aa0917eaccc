"""Attack deployments: kill them, fill the disk, and flip bits of what they wrote.

python examples/attack.py kills     # dies at a call that changes files; counts mixed directories
python examples/attack.py full      # such a call fails, or no file may grow beyond a limit
python examples/attack.py bits      # flips a bit of every file; counts what `verify` overlooks

Every attack runs in a process of its own, forked from one that is warm. It ends with 1 where a
directory holds files of two runs, a run leaves half of its results, or a changed bit holds.
"""

import argparse
import errno
import functools
import os
import resource
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

from ultralif_deploy.data import loading
from ultralif_deploy.errors import CheckFailed, UltralifError
from ultralif_deploy.io.files import output_directory, sha256_file
from ultralif_deploy.io.parts import PART
from ultralif_deploy.io.swap import READY
from ultralif_deploy.pipeline import deploy
from ultralif_deploy.sources.settings import Settings
from ultralif_deploy.verify.recheck import check_certificate

DEMO = Path(loading.__file__).parent / "digits_ultraplif.pt"
KILLED, REFUSED = 9, 2
CHANGES = ("os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.chmod", "shutil.rmtree")
LIMITS_BYTES = (0, 100, 1000, 3000, 6000, 10_000, 20_000, 40_000, 80_000)

Digests = dict[str, str]


def changes(event: str, arguments: tuple[Any, ...]) -> bool:
    """Whether an audit event of Python is a call that changes files."""
    if event == "open":
        flags = arguments[2]
        return isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
    return event in CHANGES


def at_call(number: int, act: Callable[[], None]) -> list[int]:
    """Act before the call of a number that changes files; the list holds how many there were."""
    calls = [0]

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if changes(event, arguments):
            calls[0] += 1
            if calls[0] == number:
                act()

    sys.addaudithook(hook)
    return calls


def die() -> None:
    os._exit(KILLED)


def fail() -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def forked(work: Callable[[], int]) -> int:
    """Exit code of a function in a process of its own."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        code = 70
        try:
            code = work()
        except UltralifError as error:
            code = error.exit_code
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def run(output: Path, bits: int) -> int:
    """A short deployment."""
    settings = Settings(data="digits", limit=20)
    deploy(DEMO, output, settings, bits=bits, certified_samples=2, back_ends=("fast",))
    return 0


def files(directory: Path) -> Digests:
    """Digests of what a directory shows."""
    return {
        path.relative_to(directory).as_posix(): sha256_file(path)
        for path in sorted(directory.rglob("*"))
        if path.is_file() and not path.relative_to(directory).parts[0].startswith(".")
    }


def state(found: Digests, old: Digests, new: Digests) -> str:
    """Of which run a directory's files are."""
    if found in (old, new):
        return "old" if found == old else "new"
    mine = {name: digest for name, digest in found.items() if old.get(name) != new.get(name)}
    whose = [run for run in (old, new) if mine.items() <= run.items()]
    return "mixed" if not whose else "moving"


def attacked(
    folder: Path, old: Path, attack: Callable[[Path], int], number: object
) -> tuple[int, Path]:
    """Exit code of an attack on a copy of an older deployment, and the copy."""
    target = folder / f"run{number}"
    shutil.copytree(old, target)
    return forked(lambda: attack(target)), target


def leftovers(directory: Path) -> list[str]:
    """Parts of dead runs."""
    return [p.name for p in directory.rglob(f".*{PART}")] + [p.name for p in directory.glob(READY)]


def kills(folder: Path, old: Path, new: Digests, points: int) -> Iterator[str]:
    """What goes wrong where a run dies at one of its calls."""
    for number in spread(calls_of_a_run(folder, old), points):

        def attack(target: Path, number: int = number) -> int:
            at_call(number, die)
            return run(target, 4)

        _, target = attacked(folder, old, attack, number)
        found = state(files(target), files(old), new)
        yield f"{found} after a kill"
        if found == "mixed":
            yield f"WRONG: two runs mixed after a kill at call {number}"
        if found == "moving" and not (target / READY).exists():
            yield f"WRONG: an incomplete directory that nobody finishes, call {number}"
        output_directory(target)
        found = state(files(target), files(old), new)
        yield f"{found} after the next run cleared up"
        if found not in ("old", "new") or leftovers(target):
            yield f"WRONG: {found}, with {leftovers(target)}, after call {number}"
        shutil.rmtree(target)


def full(folder: Path, old: Path, new: Digests, points: int) -> Iterator[str]:
    """What goes wrong where a call fails, or where files may not grow."""

    def limited(target: Path, n: int) -> int:
        resource.setrlimit(resource.RLIMIT_FSIZE, (n, n))
        return run(target, 4)

    def failing(target: Path, n: int) -> int:
        at_call(n, fail)
        return run(target, 4)

    attacks = {"limit": limited, "call": failing}
    cases = [("limit", n) for n in LIMITS_BYTES]
    cases += [("call", n) for n in spread(calls_of_a_run(folder, old), points)]
    for name, n in cases:
        one = functools.partial(attacks[name], n=n)
        code, target = attacked(folder, old, one, f"{name}{n}")
        output_directory(target)
        found = state(files(target), files(old), new)
        yield f"{found}, exit code {code}, at a failing {name}"
        if found not in ("old", "new") or leftovers(target) or code not in (0, REFUSED):
            yield f"WRONG: {found}, exit code {code}, {leftovers(target)}, at {name} {n}"
        shutil.rmtree(target)


def bits(folder: Path, old: Path, new: Digests, points: int) -> Iterator[str]:
    """What `verify --certificate` says where a bit of one file is another."""
    for name in files(old):

        def attack(target: Path, name: str = name) -> int:
            content = bytearray((target / name).read_bytes())
            content[len(content) // 2] ^= 1
            (target / name).write_bytes(content)
            try:
                check_certificate(target / "certificate.json")
            except CheckFailed as error:
                return 1 if name in str(error) or "certificate" in name else 71
            return 0

        code, target = attacked(folder, old, attack, "bits")
        what = {1: "does not hold", 2: "cannot be read"}.get(code, "overlooked")
        yield f"a changed bit: {what}"
        if code not in (1, 2):
            yield f"WRONG: a bit of {name} ends with {code}"
        shutil.rmtree(target)


def calls_of_a_run(folder: Path, old: Path) -> int:
    """Calls that change files in a run that nobody attacks."""
    reader, writer = os.pipe()

    def counted(target: Path) -> int:
        calls = at_call(0, fail)
        run(target, 4)
        os.write(writer, str(calls[0]).encode())
        return 0

    _, target = attacked(folder, old, counted, "counted")
    shutil.rmtree(target)
    return int(os.read(reader, 100))


def spread(count: int, points: int) -> list[int]:
    """Numbers of calls: the last ones, which swap the results, and others between."""
    last = list(range(max(1, count - points // 2), count + 1))
    step = max(1, count // max(1, points - len(last)))
    return sorted({*range(1, count + 1, step), *last})


ATTACKS = {"kills": kills, "full": full, "bits": bits}


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("attack", choices=ATTACKS)
    parser.add_argument("--points", type=int, default=80, help="calls to attack, about")
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        run(folder / "old", 8)
        run(folder / "new", 4)
        new = files(folder / "new")
        said: Counter[str] = Counter()
        for line in ATTACKS[options.attack](folder, folder / "old", new, options.points):
            said[line] += 1
            if line.startswith("WRONG"):
                print(line, flush=True)
    for line, count in sorted(said.items()):
        if not line.startswith("WRONG"):
            print(f"{count:5}  {line}")
    return any(line.startswith("WRONG") for line in said)


if __name__ == "__main__":
    sys.exit(main())
