-- First statement of every writing transaction: FOR SHARE keeps a take-over out until the end,
-- and lets other writers of the same run in. One row by primary key.
SELECT epoch FROM roleshift.migration_run WHERE run_id = %(run_id)s FOR SHARE
