"""What is said of an image, in the formats people and programs read."""
