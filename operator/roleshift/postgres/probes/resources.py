"""Memory, load and I/O: the server's own files where the role may read them, and its statistics."""

from roleshift.engine.facts.resources import CacheFacts
from roleshift.engine.host_files import host_facts, io_pressure
from roleshift.postgres.probes.batch import sql_probe

CACHE = sql_probe("cache", lambda rows: CacheFacts(**rows[0]))
FILE_RIGHTS = sql_probe("file_rights", lambda rows: bool(rows[0]["may_read_files"]))

HOST = sql_probe("host", lambda rows: host_facts(rows[0]))
"""Asked only where FILE_RIGHTS says yes: the server checks rights when it plans, not when it runs."""
IO_PRESSURE = sql_probe("io_pressure", lambda rows: io_pressure(rows[0]["pressure"]))
"""As HOST; by itself, because some kernels have the file and refuse to read it."""
