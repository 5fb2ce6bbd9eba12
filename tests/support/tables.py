"""Sample tables, as applications have them."""

from typing import Any

from localenv.database import Database

ROLES = ("junior_dev", "senior_dev", "manager", "admin")
USERS = """
    CREATE TABLE users (id bigint PRIMARY KEY, role text NOT NULL);
    INSERT INTO users SELECT n, CASE n % 2 WHEN 0 THEN 'junior_dev' ELSE 'senior_dev' END
    FROM generate_series(1, 1000) AS n;
"""
MEMBERS = """
    CREATE TABLE members (
        user_id bigint, role text, UNIQUE (user_id, role), id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY
    );
"""
PLAIN: dict[str, Any] = {"columns": {"previousRole": "", "seniority": "", "migratedAt": ""}}
BEFORE = ["id", "email", "role", "previous_role", "seniority_level", "role_migrated_at", "note"]


def create_user_profiles(database: Database, rows: int = 1000) -> None:
    """`user_profiles` with an enum role, an index on it, and every bookkeeping column.

    Roles go round: a quarter of the rows holds each of ROLES.
    """
    database.execute(
        f"""
        CREATE TYPE user_role AS ENUM ('junior_dev', 'senior_dev', 'manager', 'admin', 'developer', 'lead');
        CREATE TABLE user_profiles (
            id bigint PRIMARY KEY,
            email text NOT NULL UNIQUE,
            role user_role NOT NULL,
            previous_role user_role,
            seniority_level text,
            role_migrated_at timestamptz,
            note text
        );
        CREATE INDEX ON user_profiles (role);
        INSERT INTO user_profiles (id, email, role, note)
        SELECT n, 'user' || n || '@example.org',
            (ARRAY['junior_dev', 'senior_dev', 'manager', 'admin'])[1 + n % 4]::user_role,
            repeat('x', n % 20)
        FROM generate_series(1, {rows}) AS n;
        """
    )
