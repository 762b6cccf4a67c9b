"""``python -m shouwang.certificates COMMAND``: the issuer and the brokers' lists as services.

The commands of ``shouwang certificates``, without the code of all others, which would stay in memory.
"""

from shouwang.cli.operations.certificates import app

if __name__ == "__main__":
    app()
