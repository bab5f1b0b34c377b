"""Models: what they are called, what they can do."""
