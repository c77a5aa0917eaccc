"""Several files and folders of one folder, replaced together.

New entries are made in a part inside the folder. When all of them are on the disk, the part is
renamed to `READY`: from then on the new entries stand. Old ones are moved out, then new ones in. A
run that dies in between leaves `READY`, and the next one that writes to the folder finishes its
work. So the folder never holds entries of two runs.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.io.parts import PART, locked, part, remove, sync, sync_tree

READY = ".ultralif-ready"
NEW, OLD, ORDER = "new", "old", "order.json"


@contextmanager
def entries_written_whole(
    folder: Path, replaced: tuple[str, ...] = (), seal: str = ""
) -> Iterator[Path]:
    """Yield a folder for new entries of `folder`, which appear there when the block ends well.

    Args:
        folder: exists.
        replaced: names of old entries that go, besides those of the new ones.
        seal: name of the entry that goes first and comes last.

    Raises:
        OSError: the folder cannot be written.
    """
    with part(folder, "results", is_folder=True) as temporary:
        new = temporary / NEW
        new.mkdir()
        (temporary / OLD).mkdir()
        yield new
        names = {entry.name for entry in new.iterdir()}
        order = {
            OLD: sorted(names.union(replaced), key=lambda name: (name != seal, name)),
            NEW: sorted(names, key=lambda name: (name == seal, name)),
        }
        (temporary / ORDER).write_text(json.dumps(order), encoding="utf-8")
        sync_tree(temporary)
        with locked(folder):
            _finish(folder)
            temporary.rename(folder / READY)
            sync(folder)
            _finish(folder)


def finish_swap(folder: Path) -> None:
    """Put in place what a run that died had made ready."""
    if (folder / READY).is_dir():
        with locked(folder):
            _finish(folder)


def refuse_unfinished(folder: Path) -> None:
    """Refuse to read a folder of which a run that died left a part unmoved.

    Raises:
        UltralifError: naming the way out.
    """
    if (folder / READY).is_dir():
        raise UltralifError(
            f"{folder}: a run was stopped while it put its results there; a command that writes to "
            "this directory (-o) finishes that"
        )


def _finish(folder: Path) -> None:
    ready = folder / READY
    if not ready.is_dir():
        return
    order = _order(ready / ORDER)
    for name in order[OLD]:
        arrived = name in order[NEW] and not os.path.lexists(ready / NEW / name)
        gone = os.path.lexists(ready / OLD / name)
        if not arrived and not gone and os.path.lexists(folder / name):
            (folder / name).rename(ready / OLD / name)
    for name in order[NEW]:
        if os.path.lexists(ready / NEW / name):
            (ready / NEW / name).rename(folder / name)
    sync(folder)
    done = ready.with_name(f"{READY}{PART}")
    remove(done)
    ready.rename(done)
    remove(done)


def _order(path: Path) -> dict[str, list[str]]:
    """Names in the order in which they move; the file may come from elsewhere."""
    try:
        order = json.loads(path.read_text(encoding="utf-8"))
        found = {key: [str(name) for name in order[key]] for key in (OLD, NEW)}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UltralifError(f"{path}: damaged; remove {path.parent}") from error
    if any(Path(name).name != name or name == ".." for names in found.values() for name in names):
        raise UltralifError(f"{path}: names outside the directory; remove {path.parent}")
    return found
