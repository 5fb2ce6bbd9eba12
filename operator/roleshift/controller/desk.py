"""What the parts of one worker share: the object as it was read last, and the ways to tell of its run."""

from functools import partial

from roleshift.api import Phase, RoleMigration, RoleMigrationStatus
from roleshift.controller.credentials import Remembered, store_address
from roleshift.controller.guarding import FinalizerHold
from roleshift.controller.patience import Patience
from roleshift.controller.ports import Inbox, Ports
from roleshift.controller.reporter import Reporter
from roleshift.controller.surroundings import surroundings_of
from roleshift.controller.unread_object import readable_part
from roleshift.controller.wishes import Wishes
from roleshift.engine.conditions import Activity, View
from roleshift.engine.requests import Requests
from roleshift.errors import Reason


class Desk:
    """Where everything about one object lies.

    Attributes:
        absence: since when every look has met an error.
        alarm: seconds after which an object at rest is worth a look although nobody changes it, or None.
    """

    def __init__(self, ports: Ports, inbox: Inbox) -> None:
        self.ports = ports
        self.inbox = inbox
        self.wishes = Wishes(inbox)
        self.patience = Patience()
        self.absence = Patience()
        self.alarm: float | None = None
        self.reporter = Reporter(ports, *readable_part(inbox.latest))
        self.hold = FinalizerHold(ports.guard)
        self.store = Remembered(partial(store_address, ports.secrets, ports.rules.archive_directories))
        self.surroundings = partial(surroundings_of, ports, self.store)

    def look(self) -> tuple[RoleMigration, Requests]:
        """The newest state of the object, and what is asked of it.

        Raises:
            SpecError: it can't be read.
        """
        migration, requests = self.wishes.look()
        self.reporter.look(migration)
        self.hold.look(migration.metadata)
        return migration, requests

    @property
    def status(self) -> RoleMigrationStatus | None:
        """The status that stands, whether or not the spec can be read."""
        return readable_part(self.inbox.latest)[1]

    def look_after(self, seconds: float) -> None:
        """Have the object looked at again after so many seconds at the latest."""
        self.alarm = seconds if self.alarm is None else min(self.alarm, seconds)

    def fail(self, reason: Reason, message: str) -> None:
        """Show a run that ended before the ledger knew of it."""
        self.reporter.show(View(Phase.FAILED, Activity.ENDED, reason, message))
