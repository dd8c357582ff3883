"""Peers that benchmarks are held against, each a program of its own that pushes one event when a line comes on its standard input."""
