"""Checks on room for the run: connections, size and time, tablespaces."""

from roleshift.api import StrategyType
from roleshift.checks.subject import Subject, could_not_tell, depends_on, with_rows
from roleshift.checks.wording import all_quoted, counted
from roleshift.engine.amounts import amount
from roleshift.engine.checks import Healing, Judgement, failed, passed, warning
from roleshift.engine.facts.connections import ConnectionFacts
from roleshift.engine.facts.failure import ProbeFailure
from roleshift.engine.facts.storage import StorageFacts
from roleshift.engine.transaction_time import Work, transaction_seconds
from roleshift.errors import Reason

NEEDED_CONNECTIONS = 3
"""Of a run: one that holds it, one that works, one beside them that reads."""
_MUCH_BLOAT = 0.5


# ConnectionHeadroom


def connection_headroom(subject: Subject) -> Judgement:
    """Enough connections are left for the run, and no pooler takes its sessions apart."""
    facts = subject.facts.condition.connections
    if isinstance(facts, ProbeFailure):
        return could_not_tell(facts)
    for judge in (_pooler, _quotas_too_small, _used_up, _too_many_in_use):
        judgement = judge(subject, facts)
        if judgement is not None:
            return judgement
    return passed(f"{_in_use(facts)}, limit {_limit(subject)} %; {facts.left} left for the run")


def _pooler(_: Subject, facts: ConnectionFacts) -> Judgement | None:
    if not facts.pooler:
        return None
    return failed(
        f"a connection pooler in transaction mode stands before the server: {facts.pooler}; a run needs "
        "sessions of its own: connect to the server directly, or through a pool in session mode"
    )


def _quotas_too_small(_: Subject, facts: ConnectionFacts) -> Judgement | None:
    for quota, what, how in (
        (facts.role, "the run's role", "ALTER ROLE … CONNECTION LIMIT"),
        (facts.database, "the database", "ALTER DATABASE … CONNECTION LIMIT"),
    ):
        if quota.limit is not None and quota.limit < NEEDED_CONNECTIONS:
            return failed(
                f"{what} is limited to {counted(quota.limit, 'connection', 'connections')} and a run "
                f"needs {NEEDED_CONNECTIONS}: raise it with {how}"
            )
    return None


def _used_up(_: Subject, facts: ConnectionFacts) -> Judgement | None:
    needed = max(0, NEEDED_CONNECTIONS - facts.own)
    for left, of in (
        (facts.left, f"max_connections {facts.maximum}, {facts.reserved} of them reserved"),
        (facts.role.left, f"the role's limit of {facts.role.limit}"),
        (facts.database.left, f"the database's limit of {facts.database.limit}"),
    ):
        if left is not None and left < needed:
            return failed(
                f"{counted(left, 'connection is', 'connections are')} left ({of}) and the run needs {needed} "
                "more; end sessions that nobody needs, or wait: the check is made again",
                Reason.CHECKS_WAITING,
                Healing.BY_ITSELF,
            )
    return None


def _too_many_in_use(subject: Subject, facts: ConnectionFacts) -> Judgement | None:
    if 100 * facts.used <= _limit(subject) * facts.maximum:
        return None
    return failed(
        f"{_in_use(facts)}, more than maxConnectionsPercent {_limit(subject)}; end sessions that nobody "
        "needs, or wait: the check is made again",
        Reason.CHECKS_WAITING,
        Healing.BY_ITSELF,
    )


def _limit(subject: Subject) -> int:
    return subject.spec.checks.limits.max_connections_percent


def _in_use(facts: ConnectionFacts) -> str:
    percent = 100 * facts.used / facts.maximum
    return f"{facts.used} of {facts.maximum} connections in use, {percent:.1f} %"


# DatabaseSize


def database_size(subject: Subject) -> Judgement:
    """A Transaction ends within its limit; sizes and bloat are told."""
    ready = with_rows(subject, subject.facts.condition.storage)
    if isinstance(ready, Judgement):
        return ready
    facts, proof = ready
    seconds = seconds_of(subject, facts)
    limit = subject.spec.checks.limits.max_transaction_seconds
    rows = counted(proof.rows, "row", "rows")
    measured = f"{_sizes(subject, facts)}; {rows} will take about {seconds} s, an estimate"
    if subject.spec.strategy.type is StrategyType.TRANSACTION and seconds > limit:
        return failed(
            f"{measured}, more than maxTransactionSeconds {limit}, while other writers wait: use "
            "strategy.type: Batched, or raise spec.checks.limits.maxTransactionSeconds"
        )
    return passed(f"{measured} (limit {limit} s)")


def seconds_of(subject: Subject, facts: StorageFacts) -> int:
    """For how many seconds a Transaction over the rows that were counted keeps other writers waiting."""
    roles, proof = subject.facts.roles, subject.proof
    rows = 0 if isinstance(roles, ProbeFailure) else roles.total
    row_bytes = facts.table_bytes // rows if rows else 0
    return transaction_seconds(Work(proof.rows if proof else 0, rows, row_bytes, facts.indexes))


def _sizes(subject: Subject, facts: StorageFacts) -> str:
    text = (
        f"database {amount(facts.database_bytes)}; {subject.table} {amount(facts.table_bytes)} and "
        f"{amount(facts.index_bytes)} in {counted(facts.indexes, 'index', 'indexes')}"
    )
    if facts.dead_share is None:
        return f"{text}, dead rows not counted yet"
    hint = "; VACUUM makes it smaller" if facts.dead_share > _MUCH_BLOAT else ""
    return f"{text}, about {100 * facts.dead_share:.0f} % of its rows dead{hint}"


# Tablespaces


def tablespaces(subject: Subject) -> Judgement:
    """The target's and the image's tablespaces are there and may be used, and the server takes writes."""
    facts = subject.facts.condition.storage
    if subject.target is None:
        return depends_on("UserProfiles")
    if isinstance(facts, ProbeFailure):
        return could_not_tell(facts)
    closed = _takes_no_writes(facts)
    if closed is not None:
        return closed
    chosen = facts.default_tablespace
    if not facts.default_tablespace_exists:
        return warning(
            f'default_tablespace is "{chosen}" and there is none of that name: the image will be kept in '
            f'"{facts.database_tablespace}"; correct the setting'
        )
    if not facts.may_create:
        return failed(
            f'the image would be kept in tablespace "{chosen}" (default_tablespace), where the run\'s role '
            f'may not create tables: GRANT CREATE ON TABLESPACE "{chosen}" TO it, or change the setting',
            Reason.PERMISSION_DENIED,
        )
    return passed(
        f"{subject.table} is kept in {all_quoted(facts.tablespaces)}, its image will be in "
        f'"{chosen or facts.database_tablespace}"; the server takes writes; how much room is left there '
        "can't be seen through SQL"
    )


def _takes_no_writes(facts: StorageFacts) -> Judgement | None:
    if facts.in_recovery:
        return failed(
            "the server is in recovery (a standby) and takes no writes: connect to the primary; the check "
            "is made again",
            Reason.READ_ONLY,
            Healing.BY_ITSELF,
        )
    if facts.read_only:
        return failed(
            f"default_transaction_read_only is on (set by: {facts.read_only_source}), so somebody wants no "
            "writes here, or the server ran out of room: turn it off when writes are wanted again",
            Reason.READ_ONLY,
        )
    return None
