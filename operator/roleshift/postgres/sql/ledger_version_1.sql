-- The ledger, version 1. Locks nothing that exists; costs a few catalog rows.
-- Runs under the ledger's advisory lock, in one transaction.
-- CREATE SCHEMA IF NOT EXISTS asks for the right to create one even where it exists.
DO $$
BEGIN
    IF to_regnamespace('roleshift') IS NULL THEN
        CREATE SCHEMA roleshift;
    END IF;
END
$$;

CREATE TABLE roleshift.ledger_version (
    version integer PRIMARY KEY,
    installed_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE roleshift.migration_run (
    run_id uuid PRIMARY KEY,
    cluster_uid text NOT NULL,
    namespace text NOT NULL,
    name text NOT NULL,
    spec_hash text NOT NULL,
    manifest_hash text NOT NULL,
    attempt integer NOT NULL,
    object_uid text NOT NULL,
    database_identity text NOT NULL,
    target_oid oid,
    target_name text NOT NULL DEFAULT '',
    phase text NOT NULL,
    reason text NOT NULL,
    message text NOT NULL DEFAULT '',
    active boolean NOT NULL DEFAULT false,
    epoch bigint NOT NULL DEFAULT 0,
    holder text NOT NULL DEFAULT '',
    backends jsonb NOT NULL DEFAULT '[]',
    attempts integer NOT NULL DEFAULT 0,
    plan_hash text NOT NULL DEFAULT '',
    plan jsonb,
    findings jsonb NOT NULL DEFAULT '[]',
    verification jsonb NOT NULL DEFAULT '[]',
    rollback jsonb,
    rollback_requested_at timestamptz,
    rollback_requested_by text NOT NULL DEFAULT '',
    rollback_reason text NOT NULL DEFAULT '',
    retry_token text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT now(),
    phase_started_at timestamptz NOT NULL DEFAULT now(),
    completed_at timestamptz,
    UNIQUE (cluster_uid, namespace, name, spec_hash, attempt)
);

CREATE UNIQUE INDEX migration_run_one_active_for_each_target
    ON roleshift.migration_run (target_oid) WHERE active;

CREATE TABLE roleshift.migration_execution_log (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run_id uuid NOT NULL REFERENCES roleshift.migration_run ON DELETE CASCADE,
    epoch bigint NOT NULL,
    step text NOT NULL,
    outcome text NOT NULL,
    started_at timestamptz NOT NULL,
    ended_at timestamptz NOT NULL,
    rows bigint NOT NULL DEFAULT 0,
    kind text NOT NULL DEFAULT '',
    sqlstate text NOT NULL DEFAULT '',
    message text NOT NULL DEFAULT '',
    xid bigint,
    written_at timestamptz
);

CREATE INDEX migration_execution_log_run ON roleshift.migration_execution_log (run_id);

CREATE TABLE roleshift.migration_backup (
    name text PRIMARY KEY,
    run_id uuid NOT NULL REFERENCES roleshift.migration_run ON DELETE CASCADE,
    method text NOT NULL,
    rows bigint NOT NULL,
    bytes bigint NOT NULL,
    checksum text NOT NULL,
    reference_rows jsonb NOT NULL DEFAULT '{}',
    arrived_roles jsonb NOT NULL DEFAULT '[]',
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);

CREATE INDEX migration_backup_run ON roleshift.migration_backup (run_id);

CREATE TABLE roleshift.migration_rollback_log (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run_id uuid NOT NULL REFERENCES roleshift.migration_run ON DELETE CASCADE,
    logged_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    kind text NOT NULL,
    row_key jsonb,
    message text NOT NULL DEFAULT '',
    requested_by text NOT NULL DEFAULT '',
    rows_restored bigint,
    conflicts bigint,
    remaining bigint
);

CREATE INDEX migration_rollback_log_run ON roleshift.migration_rollback_log (run_id);

INSERT INTO roleshift.ledger_version (version) VALUES (1);
