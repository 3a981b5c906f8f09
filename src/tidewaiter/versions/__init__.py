"""The order of versions: pure, one module a scheme."""
