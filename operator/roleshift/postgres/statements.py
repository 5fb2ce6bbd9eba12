"""The SQL of this room: read from postgres/sql/, composed with identifiers, never with text.

A file holds one statement and begins with a comment that says what it locks and
what it costs. `{name}` stands for an identifier or a composed part, `%(name)s`
for a value.
"""

from collections.abc import Iterable, Sequence
from functools import cache
from importlib.resources import files

from psycopg import sql

from roleshift.engine.target import Column, TargetShape

LEDGER_SCHEMA = "roleshift"


@cache
def statement(name: str) -> sql.SQL:
    """The statement in `sql/<name>.sql`, without its comments."""
    text = files("roleshift.postgres").joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("--")]
    return sql.SQL("\n".join(lines))


@cache
def in_this_database(name: str) -> sql.Composed:
    """The statement in `sql/<name>.sql`, which compares with the identity of the database that it runs in."""
    return statement(name).format(database_identity=statement("database_identity"))


def identifier(*names: str) -> sql.SQL:
    """Names, quoted and joined by dots.

    psycopg reads a percent sign as a placeholder even inside a quoted name, so it is doubled;
    `Session.execute` always passes parameters, which makes one of it again.
    """
    return _escaped(sql.Identifier(*names))


def literal(value: str) -> sql.SQL:
    """A text as a literal, for statements that take no parameters (CREATE, ALTER)."""
    return _escaped(sql.Literal(value))


def trusted(text: str) -> sql.SQL:
    """Text that the server's own catalog functions wrote (`format_type`, `pg_get_expr`)."""
    return sql.SQL(text.replace("%", "%%"))


def _escaped(part: sql.Composable) -> sql.SQL:
    return trusted(part.as_string())


def target_name(shape: TargetShape) -> sql.SQL:
    """The target, qualified and quoted."""
    return identifier(shape.schema, shape.table)


def image_table(name: str) -> sql.SQL:
    """An image in the ledger schema, qualified and quoted."""
    return identifier(LEDGER_SCHEMA, name)


def type_of(column: Column) -> sql.SQL:
    """A column's type for a cast."""
    return trusted(column.type_name)


def of(alias: str, column: Column) -> sql.Composable:
    """`alias."column"`."""
    return identifier(alias, column.name)


def image_key(position: int) -> str:
    """The image's name for the key column at a position, counted from 1."""
    return f"key_{position}"


def key_join(shape: TargetShape, row: str = "t") -> sql.Composed:
    """How a row is found in the image before it is written: `t."id" = i.key_1 AND …`."""
    return _join(shape, [identifier("i", image_key(n)) for n, _ in enumerate(shape.key, start=1)], row)


def key_join_after(shape: TargetShape, row: str = "t", image: str = "i") -> sql.Composed:
    """How it is found once it was written: a key that holds the role has changed with it."""
    names = [
        "to_role" if column.name == shape.role.name else image_key(n)
        for n, column in enumerate(shape.key, start=1)
    ]
    return _join(shape, [identifier(image, name) for name in names], row)


def _join(shape: TargetShape, kept: Sequence[sql.Composable], row: str) -> sql.Composed:
    pairs = (
        sql.SQL("{} = {}").format(of(row, column), value)
        for column, value in zip(shape.key, kept, strict=True)
    )
    return sql.SQL(" AND ").join(pairs)


def comma(parts: Sequence[sql.Composable]) -> sql.Composed:
    """Parts of a list, separated by commas."""
    return sql.SQL(", ").join(parts)


def all_of(conditions: Sequence[sql.Composable]) -> sql.Composable:
    """Conditions joined by AND; none of them is true."""
    return sql.SQL(" AND ").join(conditions) if conditions else sql.SQL("true")


def any_of(conditions: Sequence[sql.Composable]) -> sql.Composable:
    """Conditions joined by OR, in parentheses; none of them is false."""
    return sql.SQL("({})").format(sql.SQL(" OR ").join(conditions)) if conditions else sql.SQL("false")


def same_row(shape: TargetShape, one: str, other: str) -> sql.Composable:
    """Whether two rows of the target have the same key."""
    return all_of([sql.SQL("{} = {}").format(of(one, key), of(other, key)) for key in shape.key])


def text_array(values: Iterable[str]) -> sql.Composed:
    """Texts as an array, for statements that take no parameters."""
    return sql.SQL("ARRAY[{}]::text[]").format(comma([literal(value) for value in values]))
