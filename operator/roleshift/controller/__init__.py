"""kopf as the watcher, the worker of one migration, the supervisor, start-up."""
