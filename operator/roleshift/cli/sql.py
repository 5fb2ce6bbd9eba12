"""`roleshift sql`: what a database administrator runs before a run, or to bring one back; on stdout.

Neither a cluster nor a database is asked. The script may be run again: it brings an older ledger up, mends
its functions and repeats its grants.
"""

from uuid import UUID

from roleshift import __version__
from roleshift.api import RoleMigrationSpec
from roleshift.cli.exit_codes import CommandError, ExitCode
from roleshift.cli.manifests import read_manifest
from roleshift.postgres.grants import Grantee, ledger_grants, target_grants
from roleshift.postgres.ledger_schema import VERSION
from roleshift.postgres.script import ledger_script, restore_script

_HEAD = f"""\
-- The ledger of Roleshift {__version__}, version {VERSION}, in the schema roleshift.
-- Run it in the target's database as a role that may create a schema there, and grant on the target.
-- It may be run again. It holds no password; CREATE ROLE is not part of it."""
_RESTORE_HEAD = """\
-- Brings the old roles of run {run} back from its image, without the operator:
--     psql --set=ON_ERROR_STOP=1 --file=restore.sql DATABASE
-- Run it as a role that may update the table and write the ledger in the schema roleshift.
-- Rows whose role somebody has changed since are left as they are, and listed at the end. To see what it
-- would do, write ROLLBACK in the place of the COMMIT."""
_NO_ROLE = "-- No grants: --role NAME adds those that the run's role needs, -f MANIFEST those on its target."


def print_sql(filename: str | None, role: str, database: str) -> None:
    """Print the script.

    Args:
        filename: the manifest whose target is granted; None for none.
        role: the run's role; "" for no grants.
        database: the only one that the script may run in; "" for any.

    Raises:
        CommandError: a manifest without a role.
        SpecError: the manifest is not valid.
    """
    if filename is not None and not role:
        raise CommandError("-f MANIFEST needs --role NAME: whom to grant the rights to", ExitCode.USAGE)
    spec = None if filename is None else read_manifest(filename).spec
    print("\n\n".join([_HEAD, "BEGIN;", *ledger_script(database), *_grants(spec, role, database), "COMMIT;"]))


def _grants(spec: RoleMigrationSpec | None, role: str, database: str) -> list[str]:
    if not role:
        return [_NO_ROLE]
    grantee = Grantee(role, database)
    parts = [*ledger_grants(grantee), *([] if spec is None else target_grants(grantee, spec))]
    return ["\n".join(parts)]


def print_restore(run: str, database: str) -> None:
    """Print the way back of one run, for psql alone.

    Args:
        database: the only one that the script may run in; "" for any.

    Raises:
        CommandError: that is no run's id.
    """
    known = _run_id(run)
    way_back = restore_script(known, database)
    print("\n\n".join([_RESTORE_HEAD.format(run=known), "BEGIN;", *way_back, "COMMIT;"]))


def _run_id(text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError:
        raise CommandError(
            f"{text} is no id of a run: take status.runID, or the run_id in roleshift.migration_run",
            ExitCode.USAGE,
        ) from None
