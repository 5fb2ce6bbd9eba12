"""The 24 safety checks: one module for each category, and the catalogue."""
