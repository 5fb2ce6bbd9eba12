-- What Linux says of memory and load. Locks nothing; reads a few files of /proc and of the control group.
-- Asked only where the role may read them already; a file that is missing is NULL.
SELECT
    pg_catalog.pg_read_file('/proc/meminfo', 0, 8192, true) AS meminfo,
    pg_catalog.pg_read_file('/proc/loadavg', 0, 1024, true) AS loadavg,
    pg_catalog.pg_read_file('/sys/devices/system/cpu/online', 0, 4096, true) AS cpus,
    pg_catalog.pg_read_file('/sys/fs/cgroup/memory.max', 0, 1024, true) AS memory_max,
    pg_catalog.pg_read_file('/sys/fs/cgroup/memory.current', 0, 1024, true) AS memory_current,
    pg_catalog.pg_read_file('/sys/fs/cgroup/memory.stat', 0, 16384, true) AS memory_stat
