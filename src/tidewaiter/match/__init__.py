"""Which advisories speak of which packages."""
