"""Errors that end a command with one line and an exit code."""


class UltralifError(Exception):
    """Wrong use or bad input: one line naming the thing, what was found, what was expected.

    The command line prints the message and exits with code 2.
    """

    exit_code = 2


class CheckFailed(UltralifError):
    """A check that ran to its end and failed: a gap too large, a back end that differs (exit 1)."""

    exit_code = 1


class Interrupted(UltralifError):
    """The command line was stopped from outside (exit 130, as a shell reports SIGINT)."""

    exit_code = 130


class Refused(CheckFailed):
    """A target that cannot express a program exactly, or on which it does not fit (exit 1).

    The message names the target, the population or projection, the limit, the need and a way out.
    """


class Missing(UltralifError):
    """A tool that a back end needs and that is not installed.

    Attributes:
        tool: its name.
        install: the shell line that installs it.
    """

    def __init__(self, tool: str, install: str) -> None:
        super().__init__(f"{tool} is not installed; to install it: {install}")
        self.tool = tool
        self.install = install

    def __reduce__(self) -> tuple[type["Missing"], tuple[str, str]]:
        """How it comes back from another process."""
        return type(self), (self.tool, self.install)
