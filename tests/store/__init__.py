"""The event store and the server below it, on a real PostgreSQL."""
