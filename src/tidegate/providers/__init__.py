"""The services that can be asked, as data."""
