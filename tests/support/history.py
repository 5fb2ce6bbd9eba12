"""What the histories of every kind of table have in common."""

from enum import StrEnum


class Point(StrEnum):
    """When a person asks for the old state."""

    BEFORE_THE_WRITE = "before the write"
    BEFORE_IT_IS_VERIFIED = "before it is verified"
    DONE = "done"
