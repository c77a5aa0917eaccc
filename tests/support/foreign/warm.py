"""A Python of another environment that has imported slow packages before it is started."""

import contextlib
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

HERE = Path(__file__).parent


@contextlib.contextmanager
def warm_python(python: str, modules: Iterable[str], *folders: Path) -> Iterator[str]:
    """An executable that runs files as `python` does, without the time of some imports.

    Args:
        python: interpreter.
        modules: what all runs share, as far as it can be imported.
        folders: modules that are found here are needed to import the others, but are not shared:
            runs have files of the same names.
    """
    with tempfile.TemporaryDirectory(prefix="warm-") as temporary:
        client = Path(temporary) / "python"
        # Isolated and without site-packages, which makes a start cheap.
        client.write_text(f"#!{python} -IS\n" + HERE.joinpath("warm_client.py").read_text("utf-8"))
        client.chmod(0o700)
        server = [
            python,
            HERE / "warm_server.py",
            client.with_name("socket"),
            ",".join(modules),
            *folders,
        ]
        streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        with subprocess.Popen(server, **streams) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            yield str(client)
            process.stdin.close()
