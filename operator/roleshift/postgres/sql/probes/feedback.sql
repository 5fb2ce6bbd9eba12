-- Slots and standbys that keep vacuum from removing rows. Locks nothing; catalog and statistics.
-- A standby that has a slot is seen by its slot.
SELECT 'replication slot ' || slot_name AS name, active, pg_catalog.age(xmin) AS transactions
FROM pg_catalog.pg_replication_slots
WHERE xmin IS NOT NULL
UNION ALL
SELECT
    'standby ' || coalesce(nullif(application_name, ''), 'pid ' || pid),
    true,
    pg_catalog.age(backend_xmin)
FROM pg_catalog.pg_stat_replication
WHERE backend_xmin IS NOT NULL
ORDER BY name
