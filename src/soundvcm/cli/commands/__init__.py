"""One file for each command; `soundvcm.cli.main` finds them by name."""
