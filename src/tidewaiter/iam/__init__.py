"""What to grant so that tidewaiter can look at registries and do nothing else, and whether what is granted works."""
