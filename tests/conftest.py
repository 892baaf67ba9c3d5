"""Registers the fixture plugins, and keeps the logs of nodes in the tests' own process at the program's usual level."""

import logging

import structlog

structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.INFO))

pytest_plugins = ["tests.fixtures.browser", "tests.fixtures.postgres", "tests.fixtures.server"]
