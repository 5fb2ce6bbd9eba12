"""The object store: reaching it, and what lies in the folder of a run."""
