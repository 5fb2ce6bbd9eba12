-- Keeps other writers out and lets readers in, until the transaction ends. Waits up to lock_timeout.
LOCK TABLE {target} IN SHARE ROW EXCLUSIVE MODE
