"""The JavaScript client, its own tests run under Node, and run against a real server."""
