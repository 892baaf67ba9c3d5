"""The views: their laws, their queries, the runner and rebuilds."""
