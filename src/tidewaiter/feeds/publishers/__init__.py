"""Who publishes in OSV's format, and what each means by the fields that the schema leaves to it."""
