"""Measures tidewaiter beside its peers, on images made from public packages: `make bench`."""
