"""Does: one module for each phase of the user's view; each exposes one coroutine that returns an Outcome."""
