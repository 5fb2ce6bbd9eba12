"""Whether `user_profiles` is fully as before a run or fully as after it, and how often it was written."""

from localenv.database import Database

# When a row was migrated differs from run to run; everything else of it is foreseen.
FORESEEN = ("id", "email", "role", "previous_role", "seniority_level", "note")

_FORESEE = """
    CREATE SCHEMA oracle;
    CREATE TABLE oracle.after AS
    SELECT id, email,
        (CASE role WHEN 'manager' THEN 'lead' WHEN 'admin' THEN 'admin' ELSE 'developer' END)::user_role
            AS role,
        role AS previous_role,
        CASE role
            WHEN 'junior_dev' THEN 'junior' WHEN 'senior_dev' THEN 'senior' WHEN 'admin' THEN 'lead'
        END AS seniority_level,
        note
    FROM user_profiles;

    CREATE TABLE oracle.updates (id bigint NOT NULL, written_by text NOT NULL);
    CREATE FUNCTION oracle.note_update() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO oracle.updates VALUES (NEW.id, current_setting('roleshift.run_id', true));
        RETURN NULL;
    END $$;
    CREATE TRIGGER audit AFTER UPDATE ON user_profiles FOR EACH ROW EXECUTE FUNCTION oracle.note_update();
"""


class TableOracle:
    """Looks at the sample table before a run, foresees it after the sample mapping, and tells later."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._before = database.row_set_hash("user_profiles")
        database.execute(_FORESEE)
        self._after = database.row_set_hash("after", FORESEEN, schema="oracle")

    def assert_before(self) -> None:
        """Every row is as it was, to the last column."""
        assert self._database.row_set_hash("user_profiles") == self._before

    def assert_after(self) -> None:
        """Every row is as mapped, and all were migrated at one instant."""
        assert self._database.row_set_hash("user_profiles", FORESEEN) == self._after
        found = self._database.query(
            "SELECT count(DISTINCT role_migrated_at), count(*) = count(role_migrated_at) FROM user_profiles"
        )
        assert found == [(1, True)]

    def updates_of_each_row(self) -> list[int]:
        """The different numbers of committed updates that rows have had: [0], [1], or [2] after a return."""
        found = self._database.query(
            "SELECT DISTINCT count(u.id) FROM user_profiles AS p LEFT JOIN oracle.updates AS u USING (id)"
            " GROUP BY p.id ORDER BY 1"
        )
        return [number for (number,) in found]
