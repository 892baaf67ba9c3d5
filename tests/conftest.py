"""Registers the fixture plugins; nothing else."""

pytest_plugins = ["tests.fixtures.browser", "tests.fixtures.postgres", "tests.fixtures.server"]
