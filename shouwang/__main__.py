"""``python -m shouwang`` is the command line."""

from shouwang.cli import main

if __name__ == "__main__":
    main()
