"""What breaks, breaks for real here: connections, servers, PostgreSQL. Each test states the promise that holds."""
