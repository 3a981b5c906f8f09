"""Where images come from, and how their layers are read and laid over each other."""
