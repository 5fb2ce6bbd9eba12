-- A new run, or nothing when that attempt is there already. Locks only its own row.
INSERT INTO roleshift.migration_run (
    run_id, cluster_uid, namespace, name, spec_hash, manifest_hash, attempt, object_uid, database_identity,
    mode, phase, reason, retry_token
)
VALUES (
    %(run_id)s, %(cluster_uid)s, %(namespace)s, %(name)s, %(spec_hash)s, %(manifest_hash)s, %(attempt)s,
    %(object_uid)s, %(database_identity)s, %(mode)s, 'Checking', 'Checking', %(retry_token)s
)
ON CONFLICT (cluster_uid, namespace, name, spec_hash, attempt) DO NOTHING
