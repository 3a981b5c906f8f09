"""Neighbours in memory: each stands where a class that does I/O would."""
