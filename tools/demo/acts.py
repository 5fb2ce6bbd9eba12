"""The three acts, each with what a person does, what comes of it, and the proof."""

import json
from dataclasses import dataclass, field

from demo.data import LEADS_WITHOUT_TEAM, OLD_ROLES, TABLE, roles, users_hash
from demo.narrator import Narrator
from demo.person import MANIFESTS, Person
from demo.proof import ProofFailedError
from demo.stage import Stage
from localenv.repository import ROOT

FIRST = "seniority-2026"
SECOND = "leads-2026"
_INTERVAL = "--interval=0.2"
_DONE, _ROLLED_BACK = 0, 4


@dataclass
class Play:
    """The acts in their order; each relies on the one before."""

    narrator: Narrator
    stage: Stage
    before: str = field(init=False)

    def __post_init__(self) -> None:
        self.before = users_hash(self.stage.database)

    @property
    def person(self) -> Person:
        """Who acts."""
        return self.stage.person

    def migration(self) -> None:
        """Act 1: a RoleMigration from `kubectl apply` to Done."""
        self.narrator.heading("Act 1 - a migration")
        self.narrator.say(f"The users of {TABLE} by role and seniority, as they are now:")
        self.narrator.roles(roles(self.stage.database))
        self.narrator.say("\nThe platform team writes down what they should be:")
        self._apply_and_watch(FIRST, _DONE)
        self._expect(FIRST, "Done", "MigrationCompleted")
        self.person.kubectl("wait", "--for=condition=Ready", f"rolemig/{FIRST}", "--timeout=10s")
        self.narrator.say(f"\nThe users of {TABLE} now:")
        self.narrator.roles(roles(self.stage.database))
        self._prove("no user has an old role any more", _with_old_role(roles(self.stage.database)), [])

    def rollback(self) -> None:
        """Act 2: the same comes back because a person asks for it."""
        self.narrator.heading("Act 2 - and back, because somebody asks for it")
        self.narrator.say(
            "Rolling back is a change of the object as well, so it can come from Git. This is what "
            f"`roleshift rollback {FIRST} --reason …` does too:"
        )
        with self.person.watching():
            patch = json.dumps({"spec": {"desiredState": "RolledBack"}})
            self.person.kubectl("patch", "rolemig", FIRST, "--type=merge", "-p", patch)
            self._watch(FIRST, _DONE)
        self._expect(FIRST, "RolledBack", "RolledBackOnRequest")
        self._must_be_as_before()

    def broken(self) -> None:
        """Act 3: a migration that breaks an assertion comes back by itself."""
        self.narrator.heading("Act 3 - a migration that proves wrong")
        self.narrator.say(
            f"The next one asserts that every lead has a team; {LEADS_WITHOUT_TEAM} team leads have none:"
        )
        self._apply_and_watch(SECOND, _ROLLED_BACK)
        self._expect(SECOND, "RolledBack", "ValidationFailed")
        self._must_be_as_before()

    def _apply_and_watch(self, name: str, exit_code: int) -> None:
        manifest = MANIFESTS / f"{name}.yaml"
        self.narrator.manifest(manifest.read_text())
        with self.person.watching():
            self.person.kubectl("apply", "-f", str(manifest.relative_to(ROOT)))
            self._watch(name, exit_code)

    def _watch(self, name: str, exit_code: int) -> None:
        found = self.person.roleshift("status", name, "--watch", _INTERVAL)
        self.narrator.output("")
        self._prove(f"the command ended by itself, with exit code {exit_code}", found, exit_code)

    def _expect(self, name: str, phase: str, reason: str) -> None:
        status = self.person.look(name)["status"]
        ready = next(condition for condition in status["conditions"] if condition["type"] == "Ready")
        found = (status["phase"], ready["reason"])
        self._prove(f"{name} is {phase}, reason {reason}", found, (phase, reason))

    def _must_be_as_before(self) -> None:
        after = users_hash(self.stage.database)
        self.narrator.say("\nSHA-256 over all columns of all rows:")
        self.narrator.output(f"  at the start  {self.before}\n  now           {after}")
        self._prove("every row is exactly as it was at the start", after, self.before)

    def _prove(self, claim: str, found: object, expected: object) -> None:
        if found != expected:
            raise ProofFailedError(f"not so: {claim}; found {found}, expected {expected}")
        self.narrator.proof(claim)


def _with_old_role(rows: list[tuple[str, str, int]]) -> list[tuple[str, str, int]]:
    return [row for row in rows if row[0] in OLD_ROLES]
