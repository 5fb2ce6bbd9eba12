"""The demo's database: users as an application keeps them, with roles that have grown over the years.

The table has what such tables have: indexes for every screen, a full-text search, and a trigger that
remembers each change of a role, which goes on working during a migration.
"""

from localenv.database import Database
from localenv.postgres import PostgresServer

TABLE = "user_profiles"
ROWS = 100_000
LEADS_WITHOUT_TEAM = 17
OLD_ROLES = ("junior_dev", "mid_dev", "senior_dev", "team_lead")

_SCHEMA = """
CREATE TYPE app_role AS ENUM (
    'junior_dev', 'mid_dev', 'senior_dev', 'team_lead', 'admin', 'developer', 'lead'
);
CREATE TABLE user_profiles (
    id bigint PRIMARY KEY,
    email text NOT NULL UNIQUE,
    full_name text NOT NULL,
    team_id integer,
    role app_role NOT NULL,
    previous_role app_role,
    seniority_level text,
    role_migrated_at timestamptz,
    last_login_at timestamptz,
    settings jsonb NOT NULL DEFAULT '{"theme": "dark", "columns": ["name", "team", "role"]}'
);
CREATE INDEX user_profiles_role ON user_profiles (role);
CREATE INDEX user_profiles_team ON user_profiles (team_id, role);
CREATE INDEX user_profiles_name ON user_profiles (full_name);
CREATE INDEX user_profiles_login ON user_profiles (last_login_at);
CREATE INDEX user_profiles_search ON user_profiles
    USING gin (to_tsvector('simple', full_name || ' ' || email));

CREATE TABLE role_history (
    user_id bigint NOT NULL REFERENCES user_profiles,
    changed_at timestamptz NOT NULL,
    old_role app_role NOT NULL,
    new_role app_role NOT NULL
);
CREATE INDEX role_history_user ON role_history (user_id);
CREATE FUNCTION remember_role() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO role_history VALUES (NEW.id, now(), OLD.role, NEW.role);
    RETURN NULL;
END $$;
CREATE TRIGGER user_profiles_history AFTER UPDATE OF role ON user_profiles
    FOR EACH ROW EXECUTE FUNCTION remember_role();
"""

_USERS = """
INSERT INTO user_profiles (id, email, full_name, team_id, role, last_login_at)
SELECT i, 'user' || i || '@example.com', 'User ' || i, mod(i, 250),
    (CASE WHEN mod(i, 100) = 0 THEN 'admin' WHEN mod(i, 100) < 10 THEN 'team_lead'
          WHEN mod(i, 100) < 30 THEN 'senior_dev' WHEN mod(i, 100) < 60 THEN 'mid_dev'
          ELSE 'junior_dev' END)::app_role,
    timestamptz '2026-01-01' + i * interval '1 minute'
FROM generate_series(1, %s) AS i
"""

_FORGET_TEAMS = """
UPDATE user_profiles SET team_id = NULL WHERE id IN (
    SELECT id FROM user_profiles WHERE role = 'team_lead' ORDER BY id LIMIT %s
)
"""

_ROLES = """
SELECT role::text, coalesce(seniority_level, ''), count(*)
FROM user_profiles GROUP BY role, seniority_level ORDER BY role, seniority_level
"""


def create_users(server: PostgresServer, rows: int) -> Database:
    """A database `people` whose plain owner has a password, with so many users in it."""
    database = Database.create(server, "people")
    database.execute(_SCHEMA)
    database.execute(_USERS, [rows])
    database.execute(_FORGET_TEAMS, [LEADS_WITHOUT_TEAM])
    with database.admin() as administrator:
        administrator.execute("VACUUM ANALYZE")
    return database


def roles(database: Database) -> list[tuple[str, str, int]]:
    """Role, seniority ("" for none) and number of users."""
    return [(role, seniority, users) for role, seniority, users in database.query(_ROLES)]


def users_hash(database: Database) -> str:
    """One hash over all columns of all users: equal before and after means that not a bit differs."""
    return database.row_set_hash(TABLE)
