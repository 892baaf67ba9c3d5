"""`python -m sermo` is the command `sermo`."""

from sermo.cli import main

main(prog_name="sermo")
