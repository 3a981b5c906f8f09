"""The steps. Each is named after what it brought, and knows the one before it."""
