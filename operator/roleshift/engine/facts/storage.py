"""Where the target and its image are kept, how large they are, and whether they can be written."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StorageFacts:
    """Sizes in bytes, tablespaces, and what stands against any write.

    Attributes:
        table_bytes, index_bytes: of the target with its partitions; TOAST counts as table.
        indexes: of the target; of the partition that has most of them.
        live_rows, dead_rows: the statistics collector's estimates.
        tablespaces: of the target, its partitions and their indexes, each once.
        database_tablespace: the database's own.
        default_tablespace: what the setting of that name says; "" for the database's own.
        default_tablespace_exists: whether there is one of that name; true for "".
        may_create: whether the run's role may create tables there.
        in_recovery: whether the server is a standby.
        read_only: default_transaction_read_only.
        read_only_source: where that was set, as pg_settings says it.
    """

    database_bytes: int
    table_bytes: int
    index_bytes: int
    indexes: int
    live_rows: int
    dead_rows: int
    tablespaces: tuple[str, ...]
    database_tablespace: str
    default_tablespace: str
    default_tablespace_exists: bool
    may_create: bool
    in_recovery: bool
    read_only: bool
    read_only_source: str

    @property
    def dead_share(self) -> float | None:
        """Share of dead rows, 0 to 1; None while the server has counted none."""
        rows = self.live_rows + self.dead_rows
        return self.dead_rows / rows if rows else None
