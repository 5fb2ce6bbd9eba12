"""One row for each user and role under a unique constraint: chains and cycles, without a collision."""

from typing import Any

import pytest

from localenv.database import Database
from support.foreseen import Rows
from support.journeys import Begin, Journey
from support.sample_shapes import CYCLE, HELD, KNOT, ORDER, SWAP, USER_ROLES, bookkeeping, listed
from support.shapes import PLAIN, Content, Shape

UNIQUE = "UNIQUE (user_id, role)"


def kept_unique(constraint: str, statements: str = "") -> Shape:
    """The table with another constraint, in a knot of mappings."""
    return USER_ROLES.but(sql=USER_ROLES.sql.replace(UNIQUE, constraint) + statements, mappings=KNOT)


def kept_unique_by(*indexes: str) -> Shape:
    """The table with indexes that are no constraints on columns, in a chain of mappings."""
    statements = [f"CREATE UNIQUE INDEX ON user_roles {index}" for index in indexes]
    return USER_ROLES.but(sql=USER_ROLES.sql.replace(f", {UNIQUE}", "") + ";".join(statements), order=ORDER)


AUDIT = """
    CREATE TABLE audit (at timestamptz DEFAULT clock_timestamp(), what text, old text, new text);
    CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO audit (what, old, new) VALUES (TG_OP, OLD::text, NEW::text);
        RETURN NULL;
    END $$;
    CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON user_roles
        FOR EACH ROW EXECUTE FUNCTION audit();
    ALTER TABLE user_roles ADD updated_at timestamptz DEFAULT '2020-01-01Z';
    CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        NEW.updated_at := clock_timestamp();
        RETURN NEW;
    END $$;
    CREATE TRIGGER touch BEFORE UPDATE ON user_roles FOR EACH ROW EXECUTE FUNCTION touch();
"""
RICH = USER_ROLES.but(
    sql=f"""
        CREATE TABLE user_roles (
            gone int, id bigint GENERATED ALWAYS AS IDENTITY (START 100 INCREMENT 7) PRIMARY KEY,
            user_id int, role varchar(9) NOT NULL DEFAULT 'user', {bookkeeping()},
            note char(12), settings jsonb, raw json, picture bytea, scores numeric(9, 3)[],
            seen timestamp, shift interval, address inet,
            shouted text GENERATED ALWAYS AS (upper(note) || ' ' || upper(role)) STORED,
            doubled int GENERATED ALWAYS AS (user_id * 2) STORED, {UNIQUE}
        );
        ALTER TABLE user_roles DROP COLUMN gone;
        INSERT INTO user_roles (user_id, role, note, settings, raw, picture, scores, seen, shift, address)
        SELECT u, r, 'n' || u, jsonb_build_object('a', n, 'b', NULL), '{{"x":  1.0, "x": 2}}',
            decode('00ff', 'hex') || r::bytea, ARRAY[1.5, NULL, u], 'infinity', '1 mon 3 days', '::1'
        FROM generate_series(1, 20) AS u, unnest(ARRAY[{listed(HELD)}]) WITH ORDINALITY AS roles (r, n)
        WHERE (u * 37) & (1 << n::int) > 0 ORDER BY (u * n) % 7, u;
    """,
    computed=["shouted"],
)
SHAPES = {
    "a chain": USER_ROLES,
    "roles that change places": USER_ROLES.but(mappings=SWAP),
    "a cycle": USER_ROLES.but(mappings=CYCLE),
    "a knot": USER_ROLES.but(mappings=KNOT),
    "deferrable": kept_unique(f"{UNIQUE} DEFERRABLE"),
    "deferred": kept_unique(f"{UNIQUE} DEFERRABLE INITIALLY DEFERRED"),
    "the role first": kept_unique("UNIQUE (role, user_id)"),
    "one more column": kept_unique("UNIQUE (user_id, note, role)"),
    "an index on an expression": kept_unique_by("(user_id, lower(role))"),
    "an index on some rows": kept_unique_by("(user_id, role) WHERE user_id > 0"),
    "indexes on rows with a role": kept_unique_by(
        "(user_id) WHERE role = 'member'", "(user_id) WHERE role = 'editor'", "(user_id) WHERE role = 'admin'"
    ),
    "triggers": kept_unique(UNIQUE, AUDIT).but(stamped=["updated_at"]),
    "a plain table": USER_ROLES.but(
        sql=USER_ROLES.sql.replace(bookkeeping() + ",", ""), names=PLAIN, mappings=CYCLE
    ),
    "columns of many kinds": RICH.but(mappings=CYCLE),
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_several_roles_of_a_user_are_migrated_and_come_back(begin: Begin, shape: Shape) -> None:
    begin(shape).there_and_back()


@pytest.mark.parametrize("index", ["(user_id, lower(role))", "(user_id, role) WHERE user_id > 0"])
def test_a_cycle_under_an_index_that_is_no_constraint_is_refused(begin: Begin, index: str) -> None:
    said = begin(kept_unique_by(index).but(mappings=CYCLE)).refused()
    assert "RoleConsistency: spec.mappings" in said


class TestReferences:
    """Others may refer to rows; a cycle must not take such a row away, not even to put it back."""

    GRANTS = """
        CREATE TABLE grants (
            id int PRIMARY KEY, membership bigint REFERENCES user_roles {action}, what text
        );
        INSERT INTO grants SELECT row_number() OVER (), id, role FROM user_roles WHERE {rows};
    """
    WITH_BOTH = "user_id = 3 AND role = 'member'"

    def shape(self, action: str, rows: str, mappings: Any) -> Shape:
        return USER_ROLES.but(
            sql=USER_ROLES.sql + self.GRANTS.format(action=action, rows=rows), mappings=mappings
        )

    @pytest.mark.parametrize(
        "action",
        ["", "ON DELETE CASCADE", "ON DELETE SET NULL", "DEFERRABLE INITIALLY DEFERRED"],
    )
    def test_a_cycle_over_such_a_row_is_refused_by_name(
        self, begin: Begin, database: Database, action: str
    ) -> None:
        journey = begin(self.shape(action, self.WITH_BOTH, SWAP))
        before = database.row_set_hash("grants")
        said = journey.refused()
        assert "RoleConsistency" in said
        assert "grants" in said
        assert database.row_set_hash("grants") == before

    def test_a_cycle_without_anybody_in_two_of_its_roles_takes_no_row_away(
        self, begin: Begin, database: Database
    ) -> None:
        shape = self.shape("ON DELETE CASCADE", "true", SWAP)
        alone = "; DELETE FROM user_roles AS r USING user_roles AS o WHERE r.user_id = o.user_id"
        alone += " AND (r.role, o.role) IN (('member', 'editor'))"
        journey = begin(shape.but(sql=shape.sql + alone))
        before = database.row_set_hash("grants")
        journey.there_and_back()
        assert database.row_set_hash("grants") == before

    def test_a_chain_takes_no_row_away(self, begin: Begin, database: Database) -> None:
        journey = begin(self.shape("ON DELETE CASCADE", "true", USER_ROLES.mappings))
        before = database.row_set_hash("grants")
        journey.there_and_back()
        assert database.row_set_hash("grants") == before


class TestStamps:
    """A trigger that stamps new rows would stamp those that a cycle puts back."""

    STAMP = """
        ALTER TABLE user_roles ADD created_at timestamptz DEFAULT '2020-01-01Z';
        CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            NEW.created_at := clock_timestamp();
            RETURN NEW;
        END $$;
        CREATE TRIGGER stamp BEFORE INSERT ON user_roles FOR EACH ROW EXECUTE FUNCTION stamp();
    """

    def test_nothing_is_stamped_in_silence(self, begin: Begin, database: Database) -> None:
        journey = begin(USER_ROLES.but(sql=USER_ROLES.sql + self.STAMP, mappings=SWAP))
        journey.apply()
        status = journey.migration.wait_for_end()
        assert database.query("SELECT DISTINCT created_at = '2020-01-01Z' FROM user_roles") == [(True,)]
        assert status["phase"] == "Done" or "stamp" in str(status["conditions"])


class TestOthers:
    """What others do before the rollback: a role that they gave is a conflict, and never an error."""

    def rolled_back(self, journey: Journey) -> dict[str, Any]:
        journey.migration.roll_back()
        found: dict[str, Any] = journey.ends_as("RolledBack")["rollback"]
        return found

    def test_a_user_who_has_the_old_role_again_keeps_both(self, begin: Begin, database: Database) -> None:
        """User 7 held member only; user 2 held member and owner."""
        journey = begin(USER_ROLES)
        journey.forward()
        database.execute("INSERT INTO user_roles (user_id, role) VALUES (7, 'member')")
        left = database.query("SELECT * FROM user_roles WHERE user_id = 7 ORDER BY id")
        found = self.rolled_back(journey)
        assert (found["result"], found["conflicts"], found["remaining"]) == ("Partial", 1, 1)
        assert database.query("SELECT * FROM user_roles WHERE user_id = 7 ORDER BY id") == left
        assert others_than(7, journey.shape.read(database)) == others_than(7, journey.before)

    @pytest.mark.parametrize("mappings", [USER_ROLES.mappings, CYCLE], ids=["chain", "cycle"])
    def test_what_stands_in_the_way_of_another_role_is_a_conflict_too(
        self, begin: Begin, database: Database, mappings: Any
    ) -> None:
        """User 14 held member and editor: neither can go back once somebody gave the first one again."""
        journey = begin(USER_ROLES.but(mappings=mappings))
        journey.forward()
        database.execute("INSERT INTO user_roles (user_id, role) VALUES (14, 'member')")
        left = database.query("SELECT * FROM user_roles WHERE user_id = 14 ORDER BY id")
        found = self.rolled_back(journey)
        assert (found["result"], found["conflicts"]) == ("Partial", 2)
        assert database.query("SELECT * FROM user_roles WHERE user_id = 14 ORDER BY id") == left
        assert others_than(14, journey.shape.read(database)) == others_than(14, journey.before)

    def test_a_role_that_was_taken_away_makes_room(self, begin: Begin, database: Database) -> None:
        journey = begin(USER_ROLES.but(mappings=CYCLE))
        journey.forward()
        database.execute("DELETE FROM user_roles WHERE user_id = 14 AND role = 'editor'")
        found = self.rolled_back(journey)
        assert (found["result"], found["conflicts"]) == ("Complete", 0)
        roles = database.query("SELECT role FROM user_roles WHERE user_id = 14")
        assert roles == [("editor",)]
        assert others_than(14, journey.shape.read(database)) == others_than(14, journey.before)


def others_than(user: int, content: Content) -> Rows:
    """The rows of all other users."""
    return {name: row for name, row in content.rows.items() if row.rest["user_id"] != user}
