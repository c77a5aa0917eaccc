"""Answers runs of a Python with forks of itself, which have imported slow packages already.

Usage: PYTHON warm_server.py SOCKET MODULES [FOLDER…]

MODULES, separated by commas, are imported if they are there. Those that lie in FOLDER… are
forgotten again, so that every run imports its own files of these names. Every connection to SOCKET
is one run: warm_client.py sends its streams, arguments, environment and working directory, and
receives the exit code. A run has a session of its own, which ends with the run or with its client.
The server ends when its standard input does.
"""

import contextlib
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import sys
from pathlib import Path

CODE = "-c"
"""The option of Python for a run of code in place of a file."""


def preload(modules: list[str], folders: list[str]) -> None:
    """Import modules, but keep none whose file lies in one of the folders."""
    before = sys.path[:]
    sys.path[:0] = folders
    for name in modules:
        with contextlib.suppress(ModuleNotFoundError):
            importlib.import_module(name)
    sys.path[:] = before
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if file and any(Path(file).is_relative_to(folder) for folder in folders):
            del sys.modules[name]
    gc.freeze()


def accepted(path: str) -> socket.socket | None:
    """The connection of a client, in a fork; None in the server, at its end."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the forks
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen()
        print("ready", flush=True)
        while server in select.select([server, 0], [], [])[0]:
            connection, _ = server.accept()
            if not os.fork():
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                return connection
            connection.close()
    return None


def run(connection: socket.socket) -> None:
    """Become the process that a client asks for; another one watches it."""
    data, streams, _, _ = socket.recv_fds(connection, 1 << 16, 3)
    while not data.endswith(b"\n"):
        data += connection.recv(1 << 16)
    process = os.fork()
    if process:
        watch(process, connection)
    connection.close()
    os.setsid()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    execute(**json.loads(data))


def watch(process: int, connection: socket.socket) -> None:
    """End the session of a run when it or its client ends; tell the client the exit code."""
    select.select([connection, os.pidfd_open(process)], [], [])
    ended, status = os.waitpid(process, os.WNOHANG)
    with contextlib.suppress(ProcessLookupError):  # where all have ended
        os.killpg(process, signal.SIGKILL)
    if not ended:
        os.waitpid(process, 0)
    else:
        code = os.waitstatus_to_exitcode(status)
        connection.sendall(bytes([code if code >= 0 else 128 - code]))
    os._exit(0)


def execute(arguments: list[str], directory: str, environment: dict[str, str]) -> None:
    """Do what `python ARGUMENTS` does."""
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(environment)
    sys.dont_write_bytecode = "PYTHONDONTWRITEBYTECODE" in environment
    paths = environment.get("PYTHONPATH", "").split(os.pathsep)
    sys.path[1:1] = [path for path in paths if path]
    sys.argv = arguments
    if arguments[0] == CODE:
        sys.path[0] = ""
        exec(arguments.pop(1), {"__name__": "__main__"})
    else:
        sys.path[0] = os.path.dirname(os.path.realpath(arguments[0]))
        runpy.run_path(arguments[0], run_name="__main__")


if __name__ == "__main__":
    preload(sys.argv[2].split(","), sys.argv[3:])
    client = accepted(sys.argv[1])
    if client is not None:
        run(client)
