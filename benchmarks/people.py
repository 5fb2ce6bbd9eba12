"""The table that is migrated, and the manifest that migrates it."""

from typing import Any

from localenv.database import Database

_CREATE = """
CREATE TYPE user_role AS ENUM ('junior_dev', 'senior_dev', 'manager', 'admin', 'developer', 'lead');
CREATE TABLE user_profiles (
    id bigint PRIMARY KEY,
    email text NOT NULL UNIQUE,
    role user_role NOT NULL,
    previous_role user_role,
    seniority_level text,
    role_migrated_at timestamptz,
    display_name text,
    created_at timestamptz NOT NULL DEFAULT now(),
    login_count integer NOT NULL DEFAULT 0
);
CREATE INDEX user_profiles_role ON user_profiles (role);
"""
_FILL = """
INSERT INTO user_profiles (id, email, role, display_name)
SELECT n, 'user' || n || '@example.org',
    (ARRAY['junior_dev', 'senior_dev', 'manager', 'admin'])[1 + n % 4]::user_role, 'User ' || n
FROM generate_series(1, {rows}) AS n
"""
PLAIN_UPDATE = """
UPDATE user_profiles SET
    role = CASE role
        WHEN 'junior_dev' THEN 'developer' WHEN 'senior_dev' THEN 'developer'
        WHEN 'manager' THEN 'lead' ELSE role END::user_role,
    previous_role = role,
    seniority_level = CASE role
        WHEN 'junior_dev' THEN 'junior' WHEN 'senior_dev' THEN 'senior' ELSE 'lead' END,
    role_migrated_at = now()
"""
"""What a hand-written script does: the floor that people compare with."""
PLAIN_UPDATE_BACK = """
UPDATE user_profiles SET
    role = previous_role, previous_role = NULL, seniority_level = NULL, role_migrated_at = NULL
"""
"""What a hand-written way back does, on a table that has as many dead rows as living ones."""


def create_people(database: Database, rows: int) -> None:
    """Create, fill and vacuum the table."""
    database.execute(_CREATE)
    database.execute(_FILL.format(rows=rows))
    database.execute("VACUUM ANALYZE user_profiles")


def manifest(name: str, namespace: str, secret: str) -> dict[str, Any]:
    """A RoleMigration of the whole table."""
    return {
        "apiVersion": "roleshift.dev/v1alpha1",
        "kind": "RoleMigration",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "connection": {"secretRef": {"name": secret, "key": "uri"}},
            "target": {"table": "user_profiles"},
            "mappings": [
                {"from": "junior_dev", "to": "developer", "seniority": "junior"},
                {"from": "senior_dev", "to": "developer", "seniority": "senior"},
                {"from": "manager", "to": "lead", "seniority": "lead"},
                {"from": "admin", "to": "admin", "seniority": "lead"},
            ],
        },
    }
