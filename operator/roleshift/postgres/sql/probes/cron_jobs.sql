-- Active jobs of pg_cron in this database. Locks nothing; a small table. Versions before 1.3 have no names.
SELECT coalesce(to_jsonb(j) ->> 'jobname', 'job ' || j.jobid) AS name, j.schedule
FROM cron.job AS j
WHERE j.active AND j.database = current_database()
ORDER BY j.jobid
