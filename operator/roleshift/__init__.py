"""Roleshift moves the users of a PostgreSQL table from old roles to new ones, safely and reversibly."""

__version__ = "0.1.0"
