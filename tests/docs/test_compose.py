"""What the files for containers promise to operators: nothing public, no password of ours, no program as root."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "docker-compose.yml"


@pytest.fixture
def services() -> dict[str, Any]:
    """The services of docker-compose.yml."""
    found: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())["services"]
    return found


def _compose() -> list[str]:
    """The compose program of this machine, or a skip."""
    for command in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(command[0]):
            answer = subprocess.run([*command, "version"], capture_output=True, timeout=30, check=False)
            if answer.returncode == 0:
                return command
    pytest.skip("no docker compose on this machine; the file is only parsed")


def _config(password: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    environment = {name: value for name, value in os.environ.items() if name != "POSTGRES_PASSWORD"} | password
    command = [*_compose(), "--file", str(COMPOSE), "config"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_every_port_is_published_on_loopback_only(services: dict[str, Any]) -> None:
    """Docker's published ports pass by the host's firewall."""
    ports = [port for service in services.values() for port in service.get("ports", [])]

    assert ports == ["127.0.0.1:8000:8000"]


def test_password_comes_from_the_environment_and_is_required(services: dict[str, Any]) -> None:
    """There is no password that everybody knows."""
    for service, variable in (("postgres", "POSTGRES_PASSWORD"), ("sermo", "PGPASSWORD")):
        assert services[service]["environment"][variable].startswith("${POSTGRES_PASSWORD:?")


def test_sermo_waits_for_a_healthy_database(services: dict[str, Any]) -> None:
    """The first start takes as long as PostgreSQL's set-up."""
    assert services["sermo"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    assert "pg_isready" in services["postgres"]["healthcheck"]["test"]


def test_data_is_in_a_named_volume(services: dict[str, Any]) -> None:
    """`docker compose down` keeps the messages."""
    volume, _, place = services["postgres"]["volumes"][0].partition(":")

    assert volume in yaml.safe_load(COMPOSE.read_text())["volumes"]
    assert place == "/var/lib/postgresql"


def test_image_runs_as_an_ordinary_user_with_locked_runtime_dependencies() -> None:
    """The last stage names a user of its own and installs no tool of development."""
    last_stage = (ROOT / "Dockerfile").read_text().rpartition("\nFROM ")[2]

    assert "\nUSER sermo\n" in last_stage
    assert "--require-hashes -r /tmp/requirements-run.lock" in last_stage
    assert "pytest==" not in (ROOT / "requirements-run.lock").read_text()


def test_locks_name_no_address() -> None:
    """A lock works with any index, and tells nothing about the machine it was made on."""
    for name in ("requirements.lock", "requirements-run.lock"):
        text = (ROOT / name).read_text()
        assert "://" not in text, name
        assert " @ " not in text, name


def test_compose_accepts_the_file() -> None:
    """The program itself reads it."""
    answer = _config({"POSTGRES_PASSWORD": "p@ss/word"})

    assert answer.returncode == 0, answer.stderr


def test_compose_refuses_to_start_without_a_password() -> None:
    """The message says which variable is missing."""
    answer = _config({})

    assert answer.returncode != 0
    assert "POSTGRES_PASSWORD" in answer.stderr
