"""Everything that speaks to the Kubernetes API; the only room that imports its client."""
