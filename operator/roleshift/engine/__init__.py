"""Decides: pure functions over values. No I/O, no clock, no randomness except what is passed in."""
