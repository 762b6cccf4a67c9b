"""Protocol of the lookups in the district's registers that decoding needs; pure."""

from typing import Protocol


class Directory(Protocol):
    """Finds ids by the names that messages carry."""

    def gateway(self, name: str) -> int | None:
        """The id of a registered gateway."""

    def device(self, gateway_id: int, name: str) -> int | None:
        """The id of a device registered at that gateway."""

    def series(self, device_id: int, channel: str) -> int:
        """The id of a series; created when it is new."""

    def arrival(self, gateway_id: int, digest: bytes) -> int | None:
        """When a stored SenML pack of these bytes with relative times came last, µs since 1970."""
