"""The HTTP side, against a real server on a real PostgreSQL."""
