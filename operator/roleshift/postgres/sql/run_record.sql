-- What a phase found; a document that is NULL stays as it is. Only the holder may. Locks the run's row.
UPDATE roleshift.migration_run
SET
    target_oid = coalesce(%(target_oid)s, target_oid),
    target_name = coalesce(%(target_name)s, target_name),
    plan_hash = coalesce(%(plan_hash)s, plan_hash),
    plan = coalesce(%(plan)s, plan),
    findings = coalesce(%(findings)s, findings),
    verification = coalesce(%(verification)s, verification),
    rollback = coalesce(%(rollback)s, rollback),
    retry_token = coalesce(%(retry_token)s, retry_token),
    forget_token = coalesce(%(forget_token)s, forget_token),
    carried_hash = coalesce(%(carried_hash)s, carried_hash),
    resume_token = coalesce(%(resume_token)s, resume_token),
    accept_token = coalesce(%(accept_token)s, accept_token),
    reported = coalesce(%(reported)s, reported)
WHERE run_id = %(run_id)s AND epoch = %(epoch)s
RETURNING run_id
