"""``python -m shouwang.identities``: the commands that make certificates and broker users."""

from shouwang.cli.identities import app

if __name__ == "__main__":
    app()
