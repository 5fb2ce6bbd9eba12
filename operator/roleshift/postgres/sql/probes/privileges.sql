-- What the run's role may do to the target and the ledger. Catalog only.
SELECT
    (
        SELECT has_schema_privilege(relnamespace, 'USAGE')
        FROM pg_catalog.pg_class WHERE oid = %(oid)s::bigint::oid
    ) AS may_use_schema,
    has_table_privilege(%(oid)s::bigint::oid, 'SELECT') AS may_select,
    has_table_privilege(%(oid)s::bigint::oid, 'UPDATE') AS may_update,
    has_database_privilege(current_database(), 'CREATE') AS may_create_schema,
    to_regnamespace('roleshift') IS NOT NULL AS schema_present,
    coalesce(
        has_schema_privilege(to_regnamespace('roleshift')::oid, 'CREATE')
        AND has_schema_privilege(to_regnamespace('roleshift')::oid, 'USAGE'),
        false
    ) AS may_create_in_schema
