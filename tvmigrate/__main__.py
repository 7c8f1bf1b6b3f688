"""`python -m tvmigrate`, the same as the `tvmigrate` command."""

from tvmigrate.cli import main

main()
