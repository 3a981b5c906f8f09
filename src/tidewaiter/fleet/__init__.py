"""Many images: what is there, what needs looking at, who looks, and what was found in all."""
