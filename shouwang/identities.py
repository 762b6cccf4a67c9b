"""``python -m shouwang.identities``: the command that makes certificates and broker users."""

from shouwang.brokers.identities import app

if __name__ == "__main__":
    app()
