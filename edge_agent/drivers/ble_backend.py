"""The interface of the BLE driver to a radio, and its implementation by ``bleak`` (extra ``ble``)."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from typing import Any, Protocol

SCAN_S = 30.0


class BleError(Exception):
    """The device is not there, or the connection did not work."""


class NotAdvertisingError(BleError):
    """The device sleeps or is out of reach: wait on, it may wake up for a few seconds only."""


class Connection(Protocol):
    """A connected device."""

    rssi_dbm: int | None
    """Signal strength of its last advertisement."""

    def has(self, uuid: str) -> bool: ...

    async def read(self, uuid: str) -> bytes:
        """Raises BleError where the device refuses."""

    async def write(self, uuid: str, data: bytes) -> None:
        """Raises BleError where the device refuses."""

    async def notify(self, uuid: str, hear: Callable[[bytes], None]) -> None:
        """Call ``hear`` in the event loop with each notification or indication. Raises BleError where it refuses."""

    async def wait_until_gone(self) -> None: ...


class Backend(Protocol):
    def connect(self, address: str) -> AbstractAsyncContextManager[Connection]:
        """Wait until the device advertises, then connect. Raises BleError."""


class BleakBackend:
    """BlueZ, CoreBluetooth or WinRT through bleak. Raises RuntimeError where it is not installed."""

    def __init__(self) -> None:
        try:
            import bleak
        except ImportError as error:
            raise RuntimeError("the ble driver needs bleak: pip install 'shouwang[ble]'") from error
        self._bleak = bleak

    @asynccontextmanager
    async def connect(self, address: str) -> AsyncIterator[Connection]:
        bleak, gone = self._bleak, asyncio.Event()
        seen: dict[str, int | None] = {}

        def is_it(device: object, advertisement: object) -> bool:
            seen["rssi"] = getattr(advertisement, "rssi", None)
            return address in (getattr(device, "address", None), getattr(device, "name", None))

        try:
            advertiser = await bleak.BleakScanner.find_device_by_filter(is_it, timeout=SCAN_S)
            if advertiser is None:
                raise NotAdvertisingError(f"{address} does not advertise")
            async with bleak.BleakClient(advertiser, lambda _: gone.set()) as client:
                yield _BleakConnection(client, gone, seen.get("rssi"), (bleak.exc.BleakError, *_FAILURES))
        except (bleak.exc.BleakError, *_FAILURES) as error:
            raise BleError(f"{type(error).__name__}: {error}") from error


_FAILURES = (TimeoutError, OSError, EOFError)
"""Raised by bleak's backends beside BleakError; EOFError where BlueZ ends its connection."""


class _BleakConnection:
    def __init__(
        self, client: Any, gone: asyncio.Event, rssi_dbm: int | None, failures: tuple[type[Exception], ...]
    ) -> None:
        self._client, self._gone, self.rssi_dbm, self._failures = client, gone, rssi_dbm, failures

    def has(self, uuid: str) -> bool:
        return bool(self._client.services.get_characteristic(uuid))

    async def read(self, uuid: str) -> bytes:
        with self._refusals():
            return bytes(await self._client.read_gatt_char(uuid))

    async def write(self, uuid: str, data: bytes) -> None:
        with self._refusals():
            await self._client.write_gatt_char(uuid, data, response=True)

    async def notify(self, uuid: str, hear: Callable[[bytes], None]) -> None:
        with self._refusals():
            await self._client.start_notify(uuid, lambda _, data: hear(bytes(data)))

    @contextmanager
    def _refusals(self) -> Iterator[None]:
        try:
            yield
        except self._failures as error:
            raise BleError(f"{type(error).__name__}: {error}") from error

    async def wait_until_gone(self) -> None:
        await self._gone.wait()
