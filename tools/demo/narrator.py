"""What the demo says: headings, sentences, commands with their output, proofs. It decides nothing."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext

from rich.console import Console
from rich.rule import Rule
from rich.syntax import Syntax
from rich.text import Text


class Narrator:
    """Writes to the terminal, or plainly to a file or pipe."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def heading(self, title: str) -> None:
        """The beginning of an act."""
        self._console.print()
        self._console.print(Rule(Text(title, "bold"), align="left", style="blue"))
        self._console.print()

    def say(self, sentence: str) -> None:
        """What is happening, in a sentence."""
        self._console.print(sentence, highlight=False)

    def command(self, command: str) -> None:
        """What a person would type."""
        self._console.print()
        self._console.print(Text(f"$ {command}", "bold cyan"), soft_wrap=True)

    def output(self, text: str) -> None:
        """Text as it is, such as what a command printed."""
        self._console.print(Text(text.rstrip()), soft_wrap=True)

    def manifest(self, text: str) -> None:
        """A manifest in YAML."""
        self._console.print()
        if not self._console.is_terminal:
            self.output(text)
            return
        self._console.print(Syntax(text.rstrip(), "yaml", background_color="default", word_wrap=True))

    def roles(self, rows: Sequence[tuple[str, str, int]]) -> None:
        """Users by role and seniority."""
        lines = (f"  {role:<12}{seniority or '-':<10}{users:>10,}" for role, seniority, users in rows)
        self.output("\n".join(lines))

    def proof(self, text: str) -> None:
        """Something that was checked and holds."""
        self._console.print(Text.assemble(("✓ ", "bold green"), text), soft_wrap=True)

    def failure(self, text: str) -> None:
        """Something that was checked and does not hold."""
        self._console.print(Text.assemble(("✗ ", "bold red"), text), soft_wrap=True)

    def times(self, laps: Sequence[tuple[str, float]]) -> None:
        """How long each part took."""
        width = max(len(name) for name, _ in laps)
        self.output("\n".join(f"  {name:<{width}}  {seconds:6.1f} s" for name, seconds in laps))

    @contextmanager
    def doing(self, what: str) -> Iterator[None]:
        """Show that something goes on, and how long it took."""
        began = time.monotonic()
        spinner = self._console.status(f"{what} …") if self._console.is_terminal else nullcontext()
        with spinner:
            yield
        took = time.monotonic() - began
        self._console.print(Text.assemble(("✓ ", "green"), f"{what} ", (f"{took:.1f} s", "dim")))
