"""OCI distribution registries."""
