-- Blocks of an image's heap, and bytes with what is stored beside it. Locks nothing; a look at files' sizes.
SELECT
    pg_catalog.pg_relation_size(%(image)s::regclass) / current_setting('block_size')::bigint AS blocks,
    pg_catalog.pg_table_size(%(image)s::regclass) AS bytes
