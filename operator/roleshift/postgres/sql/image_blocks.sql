-- Blocks of the image's heap. Locks nothing; a look at the file's size.
SELECT
    pg_catalog.pg_relation_size(%(image)s::regclass)
    / current_setting('block_size')::bigint AS blocks
