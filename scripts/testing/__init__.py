"""The parts of `make test`, and how they run in parallel."""
