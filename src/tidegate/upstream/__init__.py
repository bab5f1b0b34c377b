"""The only package that awaits a provider."""
