"""`python -m ultralif_deploy`, the same as the command `ultralif`."""

import os
import signal
import sys
from types import FrameType

INTERRUPTED = 130

WAITING = ("OMP_WAIT_POLICY", "PASSIVE")
"""How threads of torch wait for each other. By default they keep their cores busy, which takes up
to 25 times as long where other programs use these cores."""


def run() -> None:
    """Run the command line; Ctrl-C ends it in one line with exit code 130, whenever it comes."""
    os.environ.setdefault(*WAITING)  # read when torch is imported
    # A shell may have started it with the signal ignored, and then it stays so.
    listens = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if listens:
        signal.signal(signal.SIGINT, _stop)  # libraries may swallow an exception while imported
    from ultralif_deploy.cli.commands import main

    try:
        if listens:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        main(prog_name="ultralif")
    except KeyboardInterrupt:
        _stop(signal.SIGINT, None)
    finally:  # all is done: the interpreter ends with the command's own exit code
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def _stop(number: int, frame: FrameType | None) -> None:
    """End at once: nothing was begun, or all was cleared up."""
    del number, frame
    try:
        os.write(sys.__stderr__.fileno() if sys.__stderr__ else 2, b"Error: interrupted\n")
    finally:
        os._exit(INTERRUPTED)


if __name__ == "__main__":
    run()
