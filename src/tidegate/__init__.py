"""Tidegate: a self-hosted gateway to language models."""

__version__ = "0.1.0"
