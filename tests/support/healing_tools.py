"""Tools that heal drift: each applies its manifest again and again, whatever people change meanwhile."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

from localenv.wait import wait_until
from support.migrations import Migration

TOOLS = ("argocd-controller", "kustomize-controller")
"""As Argo CD and Flux call themselves."""
PAUSE_SECONDS = 0.25
"""Between two rounds of one tool: several times within the second that such tools take at best."""


class HealingTool:
    """One tool with what it thinks is right."""

    def __init__(self, migration: Migration, name: str, spec: Mapping[str, Any]) -> None:
        self._migration = migration
        self._name = name
        self._body = {
            "apiVersion": "roleshift.dev/v1alpha1",
            "kind": "RoleMigration",
            "metadata": {"name": migration.name},
            "spec": dict(spec),
        }
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name=name)
        self.rounds = 0
        self.error: Exception | None = None

    def apply(self) -> None:
        """Put everything back once."""
        query = f"?fieldManager={self._name}&force=true"
        api = self._migration.control_plane.api
        api.request("PATCH", self._migration.path + query, self._body, "application/apply-patch+yaml")
        self.rounds += 1

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End after the round that is under way."""
        self._stop.set()
        self._thread.join(30)

    def _work(self) -> None:
        try:
            while not self._stop.wait(PAUSE_SECONDS):
                self.apply()
        except Exception as error:  # noqa: BLE001 - told by the block that it works for
            self.error = error


class HealingTools:
    """All of them."""

    def __init__(self, tools: tuple[HealingTool, ...]) -> None:
        self._tools = tools

    def wait_for_rounds(self, more: int = 3) -> None:
        """Wait until each has put everything back so many times more."""
        wanted = {tool: tool.rounds + more for tool in self._tools}

        def done() -> bool:
            for tool in self._tools:
                if tool.error is not None:
                    raise tool.error
            return all(tool.rounds >= rounds for tool, rounds in wanted.items())

        wait_until(done, 30, f"{more} rounds more")


@contextmanager
def healed(migration: Migration, **changes: Any) -> Iterator[HealingTools]:
    """Two tools put the spec back for the block, as it is now but for the changes."""
    spec = {"desiredState": "Migrated", "suspend": False, **migration.read()["spec"], **changes}
    tools = tuple(HealingTool(migration, name, spec) for name in TOOLS)
    with ExitStack() as working:
        for tool in tools:
            tool.apply()
            tool.start()
            working.callback(tool.stop)
        yield HealingTools(tools)
