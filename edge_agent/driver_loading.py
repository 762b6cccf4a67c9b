"""Find and make installed drivers: entry points of the group ``shouwang.edge_drivers``."""

from importlib.metadata import entry_points

from edge_agent.config import DriverConfig, HomeConfig, HomeConfigError
from firmware_profiles.driver import Driver

DRIVER_GROUP = "shouwang.edge_drivers"


def find_driver(kind: str) -> type[Driver]:
    """The driver of this name. Raises HomeConfigError where none is installed, ImportError where it lacks a library."""
    installed = {point.name: point for point in entry_points(group=DRIVER_GROUP)}
    if kind not in installed:
        raise HomeConfigError(f"no driver {kind!r} is installed; there are: {', '.join(sorted(installed))}")
    driver: type[Driver] = installed[kind].load()
    return driver


def make_driver(driver: DriverConfig, config: HomeConfig) -> Driver:
    """A driver with its options and the home's devices, not yet running. Raises ValueError for wrong options too."""
    return find_driver(driver.kind)(driver.options, config.devices)
