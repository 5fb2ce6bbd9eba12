"""What goes wrong inside a database while a run works on it: triggers and rules that a test lays out."""

from localenv.database import Database

_ROW_TRIGGER = """
    CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS $meddle$
    BEGIN
        {body}
        RETURN {returned};
    END
    $meddle$;
    CREATE {kind} meddle {when} UPDATE ON {table} {timing} FOR EACH ROW {condition} EXECUTE FUNCTION meddle();
"""


def before_each_update(
    database: Database, body: str, *, returned: str = "NEW", table: str = "user_profiles"
) -> None:
    """A BEFORE trigger that does something to every row that is updated."""
    database.execute(
        _ROW_TRIGGER.format(
            body=body, returned=returned, table=table, kind="TRIGGER", when="BEFORE", timing="", condition=""
        )
    )


def after_each_update(database: Database, body: str, *, of_row: int, table: str = "user_profiles") -> None:
    """An AFTER trigger that does something once the row with that id was updated; not to its own work."""
    condition = f"WHEN (NEW.id = {of_row} AND pg_trigger_depth() = 0)"
    database.execute(
        _ROW_TRIGGER.format(
            body=body,
            returned="NULL",
            table=table,
            kind="TRIGGER",
            when="AFTER",
            timing="",
            condition=condition,
        )
    )


def at_commit(database: Database, body: str, *, of_row: int, table: str = "user_profiles") -> None:
    """A deferred trigger: does something at COMMIT because the row with that id was updated."""
    database.execute(
        _ROW_TRIGGER.format(
            body=body,
            returned="NULL",
            table=table,
            kind="CONSTRAINT TRIGGER",
            when="AFTER",
            timing="DEFERRABLE INITIALLY DEFERRED",
            condition=f"WHEN (NEW.id = {of_row} AND pg_trigger_depth() = 0)",
        )
    )


def once_it_is_verified(database: Database, step: str, body: str) -> None:
    """Do something in the transaction of a step after its verification: when the step logs its success."""
    database.execute(
        f"""
        CREATE FUNCTION meddle_late() RETURNS trigger LANGUAGE plpgsql AS $meddle$
        BEGIN
            {body}
            RETURN NULL;
        END
        $meddle$;
        CREATE TRIGGER meddle_late AFTER INSERT ON roleshift.migration_execution_log
            FOR EACH ROW WHEN (NEW.step = '{step}' AND NEW.outcome = 'Succeeded')
            EXECUTE FUNCTION meddle_late();
        """
    )
