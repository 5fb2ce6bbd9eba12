-- Keeps writers and readers out until the transaction ends: a column will be added in it, which needs this
-- lock, and taking it later, above a weaker one, could end in a deadlock. Waits up to lock_timeout.
LOCK TABLE {target} IN ACCESS EXCLUSIVE MODE
