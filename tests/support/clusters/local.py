"""A Dask cluster of this machine."""

import socket
import subprocess
import sys
from pathlib import Path


class Cluster:
    """A Dask scheduler and a worker, as processes that can be killed."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
        self.folder = folder
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        port = self.address.rpartition(":")[2]
        self.processes = [self._process("scheduler", "--port", port, "--dashboard-address", ":0")]
        self.add_worker()

    def add_worker(self, threads: int = 1) -> None:
        one = ("worker", self.address, "--nthreads", str(threads), "--no-nanny", "--no-dashboard")
        self.processes.append(self._process(*one))

    def lose_worker(self) -> None:
        """The last worker dies at once."""
        last = self.processes.pop()
        last.kill()
        last.wait()

    def _process(self, *arguments: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "dask", *arguments]
        return subprocess.Popen(command, cwd=self.folder, stdout=-3, stderr=-3)

    def stop(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()
        self.processes = []

    def restart(self) -> None:
        self.stop()
        self.start()
