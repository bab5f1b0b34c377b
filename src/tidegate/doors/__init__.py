"""The HTTP surface of each client dialect."""
