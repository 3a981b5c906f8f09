"""The memory of a fleet: what was seen where, what layers hold, which packages images have, what is known of them."""
