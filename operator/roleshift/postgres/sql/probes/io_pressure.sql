-- Linux's pressure stall information on I/O. Locks nothing; reads one file of /proc.
-- Asked only where the role may read it already; NULL where the kernel does not keep it.
SELECT pg_catalog.pg_read_file('/proc/pressure/io', 0, 1024, true) AS pressure
