"""The ledger as a script for any client: creates it, brings an older one up, mends its functions.

A script has no parameters, so what a session passes as one stands in it as a literal; psycopg's doubled
percent signs are made single again.
"""

from psycopg import sql

from roleshift.postgres.functions import FUNCTIONS, create_statement, register_statement
from roleshift.postgres.ledger_schema import INSTALL_LOCK, VERSION
from roleshift.postgres.statements import literal, statement

_INDENT = "    "


def plain(composed: sql.Composable) -> str:
    """A statement as a script has it."""
    return composed.as_string().replace("%%", "%").strip()


def text(value: str) -> str:
    """A text as an SQL literal."""
    return plain(literal(value))


def block(body: str, declared: str = "") -> str:
    """An anonymous block of PL/pgSQL, in dollar quotes that the body can't end."""
    declare = f"DECLARE\n{_INDENT}{declared};\n" if declared else ""
    quote = _dollar_quote(declare + body)
    return f"DO {quote}\n{declare}BEGIN\n{body}\nEND\n{quote};"


def ledger_script(database: str = "") -> list[str]:
    """Statements for the ledger at this version, whatever is there; for one transaction.

    Args:
        database: refuse to run in any other; "" for no such test.
    """
    return [
        *([_only_in(database)] if database else []),
        block(f"{_INDENT}PERFORM pg_catalog.pg_advisory_xact_lock({INSTALL_LOCK});"),
        _not_newer(),
        *(_version(number) for number in range(1, VERSION + 1)),
        *(f"{plain(part(one))};" for one in FUNCTIONS for part in (create_statement, register_statement)),
    ]


def restore_script(run_id: str, database: str = "") -> list[str]:
    """Statements that bring a run back by the ledger's function, between its BEGIN and COMMIT.

    Args:
        database: as for `ledger_script`.
    """
    restore = _RESTORE.format(run=text(run_id))
    return [*([_only_in(database)] if database else []), restore]


def _only_in(database: str) -> str:
    return block(_ONLY_IN.format(name=text(database)))


def _not_newer() -> str:
    return block(_NOT_NEWER.format(version=VERSION), "found integer")


def _version(number: int) -> str:
    body = plain(statement(f"ledger_version_{number}"))
    quote = _dollar_quote(body, "version")
    return block(_UNLESS_THERE.format(version=number, body=f"{quote}\n{body}\n{quote}"))


def _dollar_quote(body: str, tag: str = "script") -> str:
    number = 0
    while f"${tag}{number}$" in body:
        number += 1
    return f"${tag}{number}$"


_RESTORE = """\
SELECT namespace, name, phase, target_name, completed_at FROM roleshift.migration_run WHERE run_id = {run};

SELECT name, result, message FROM roleshift.validate_run({run});

SELECT restored, born_restored, conflicts, deleted FROM roleshift.restore_run({run});

SELECT row_key, message FROM roleshift.migration_rollback_log
WHERE run_id = {run} AND kind = 'FunctionConflict' ORDER BY id;"""
_ONLY_IN = """\
    IF current_database() <> {name} THEN
        RAISE EXCEPTION 'this is database %, the script is for %', current_database(), {name};
    END IF;"""
_NOT_NEWER = """\
    IF to_regclass('roleshift.ledger_version') IS NOT NULL THEN
        SELECT max(version) INTO found FROM roleshift.ledger_version;
        IF found > {version} THEN
            RAISE EXCEPTION 'the ledger has version %, this script lays down {version}', found
                USING HINT = 'Use the roleshift of the operator that made it.';
        END IF;
    END IF;"""
_UNLESS_THERE = """\
    IF to_regclass('roleshift.ledger_version') IS NOT NULL THEN
        IF EXISTS (SELECT FROM roleshift.ledger_version WHERE version >= {version}) THEN
            RETURN;
        END IF;
    END IF;
    EXECUTE {body};"""
