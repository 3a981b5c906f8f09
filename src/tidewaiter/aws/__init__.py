"""From an identity of AWS to the registries that it may read, and to what lies in them."""
