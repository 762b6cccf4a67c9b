"""``python -m shouwang`` is the command line."""

from shouwang.cli import main

main()
