"""The control plane: documentation pages and the description of the API."""
