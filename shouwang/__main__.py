"""``python -m shouwang`` is the command line."""

from shouwang.cli.main import main

if __name__ == "__main__":
    main()
