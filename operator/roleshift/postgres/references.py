"""Counting rows that refer to nothing: one statement for checks before a run and verification after it."""

from collections.abc import Sequence

from psycopg import sql

from roleshift.postgres.statements import identifier, statement


def broken_rows(
    referring: sql.Composable, referenced: sql.Composable, columns: Sequence[Sequence[str]]
) -> sql.Composed:
    """A query for `rows`, the number of referring rows whose partner is missing.

    Args:
        columns: pairs of a referring and a referenced column; a NULL in one refers to nobody.
    """
    return statement("broken_rows").format(
        referring=referring,
        referenced=referenced,
        all_set=sql.SQL(" AND ").join(
            sql.SQL("{} IS NOT NULL").format(identifier("r", own)) for own, _ in columns
        ),
        join=sql.SQL(" AND ").join(
            sql.SQL("{} = {}").format(identifier("o", theirs), identifier("r", own))
            for own, theirs in columns
        ),
    )
