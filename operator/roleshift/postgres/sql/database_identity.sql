-- Which database this is: the server's system identifier and the database's OID. Another one after pg_restore,
-- CREATE DATABASE and pg_upgrade; the same one on a standby, promoted or not. Reads a file of one page.
(SELECT system_identifier FROM pg_catalog.pg_control_system())::text
|| ':' || (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())::text
