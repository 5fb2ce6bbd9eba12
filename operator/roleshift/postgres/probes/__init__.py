"""Probes: what the checks are judged from, on one read-only session. Nothing is judged here.

`batch` asks many probes in one round trip, `look` says which belong together; every other
module holds the probes of one thing, with their SQL in postgres/sql/probes/.
"""
