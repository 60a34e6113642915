"""Measures the portal against what an engineer would otherwise use. `make bench` is the door; `bench.run` explains."""
