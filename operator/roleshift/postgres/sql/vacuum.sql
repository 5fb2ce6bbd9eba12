-- Clears away the row versions that the run has left, and counts the roles anew for the planner. SHARE UPDATE
-- EXCLUSIVE on the target, where it is free at once: readers and writers go on. One scan of table and indexes.
VACUUM (ANALYZE, SKIP_LOCKED, TRUNCATE OFF) {target}
