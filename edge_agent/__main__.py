"""``python -m edge_agent --config home.toml``: the agent of one home gateway."""

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from edge_agent.agent import run_agent
from edge_agent.config import ConfigError, load_config


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until SIGINT or SIGTERM. Returns the exit status: 0, or 2 where the configuration can not be used."""
    parser = argparse.ArgumentParser(prog="edge_agent", description=__doc__)
    parser.add_argument("--config", type=Path, required=True, help="the home's configuration (TOML)")
    parser.add_argument("--check", action="store_true", help="only check the configuration")
    options = parser.parse_args(arguments)
    try:
        config = load_config(options.config)
        if options.check:
            print(f"{options.config}: in order; gateway {config.gateway}, {len(config.devices)} devices")
            return 0
        asyncio.run(_until_stopped(config))
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


async def _until_stopped(config: object) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await run_agent(config, stop)  # type: ignore[arg-type]


if __name__ == "__main__":
    sys.exit(main())
