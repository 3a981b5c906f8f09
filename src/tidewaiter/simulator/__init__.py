"""Images and services of our own making, for tests, benchmarks and the demo."""
