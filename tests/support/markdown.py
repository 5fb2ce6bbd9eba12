"""The code in a page of the documentation."""

import re
from collections.abc import Iterator
from pathlib import Path

BLOCK = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)
"""Language and text of each."""


def blocks(page: Path, language: str) -> Iterator[str]:
    """The code blocks of a page in one language, in order."""
    return (text for found, text in BLOCK.findall(page.read_text()) if found == language)
