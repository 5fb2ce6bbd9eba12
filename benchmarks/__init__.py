"""What `make bench` runs: measurements on real parts. Never part of the tests."""
