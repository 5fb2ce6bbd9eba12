"""The exit codes of every command, and the error that ends a command with one of them."""

from enum import IntEnum


class ExitCode(IntEnum):
    """What a script can tell from a command's end."""

    WANTED = 0
    ERROR = 1
    USAGE = 2
    FAILED = 3
    ROLLED_BACK = 4
    WAITS_FOR_A_PERSON = 5
    TIMED_OUT = 6


EXPLAINED = (
    "Exit codes: 0 wanted outcome, 1 error, 2 usage, 3 gate closed or Failed, 4 rolled back, "
    "5 waits for a person, 6 timed out."
)


class CommandError(Exception):
    """A command can't go on; the message is one line that says what to do."""

    def __init__(self, message: str, code: ExitCode = ExitCode.ERROR) -> None:
        super().__init__(message)
        self.code = code
