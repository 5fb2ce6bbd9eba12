-- A new run, or nothing when that attempt is there already; forgotten attempts are counted. Locks only its row.
INSERT INTO roleshift.migration_run (
    run_id, cluster_uid, namespace, name, spec_hash, manifest_hash, attempt, object_uid, database_identity,
    mode, phase, reason, retry_token, forget_token, resume_token, accept_token, carried_hash
)
SELECT
    %(run_id)s, %(cluster_uid)s, %(namespace)s, %(name)s, %(spec_hash)s, %(manifest_hash)s,
    greatest(%(attempt)s, coalesce(max(f.attempt), 0) + 1), %(object_uid)s,
    %(database_identity)s, %(mode)s, 'Checking', 'Checking', %(retry_token)s, %(forget_token)s,
    %(resume_token)s, %(accept_token)s, %(carried_hash)s
FROM roleshift.migration_run AS f
WHERE
    f.cluster_uid = %(cluster_uid)s
    AND f.namespace = %(namespace)s
    AND f.name = %(name)s
    AND f.spec_hash = %(spec_hash)s
    AND f.forgotten_at IS NOT NULL
ON CONFLICT (cluster_uid, namespace, name, spec_hash, attempt) DO NOTHING
