"""The two ways in which a command ends without success."""


class UltralifError(Exception):
    """Wrong use or bad input: one line naming the thing, what was found, what was expected.

    The command line prints the message and exits with code 2.
    """

    exit_code = 2


class CheckFailed(UltralifError):
    """A check that ran to its end and failed: a gap too large, a back end that differs (exit 1)."""

    exit_code = 1
