"""Comments on images: each says what it is, for people and for a restore without a ledger."""

from dataclasses import dataclass

from psycopg import sql

from roleshift.postgres.session import Session
from roleshift.postgres.statements import image_table, literal, statement


@dataclass(frozen=True, slots=True)
class CommentedImage:
    """An image that is there, and what its comment says, "" where it has none."""

    name: str
    comment: str


async def write(session: Session, name: str, text: str) -> None:
    """Put a comment in the place of the one that stands, in the transaction that is open."""
    comment = sql.SQL("COMMENT ON TABLE {} IS {}")
    await session.execute(comment.format(image_table(name), literal(text)))


async def commented_images(session: Session) -> list[CommentedImage]:
    """Every image of the database."""
    rows = await session.rows(statement("image_comments"))
    return [CommentedImage(row["name"], row["comment"]) for row in rows]
