"""Published advisories, and the database made from them."""
