"""The ground of the map: load one PMTiles file, take it away, and give the tiles to whoever may see the map."""

import datetime as dt
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, cast

from fastapi import Request
from pmtiles.tile import Entry
from starlette.responses import RedirectResponse, Response

from care_network.access.permissions import Action
from care_network.errors import ProvisioningError
from care_network.importing.ground import (
    HEAD,
    LONGEST_ATTRIBUTION,
    MEDIA,
    GroundFile,
    GroundFileError,
    GroundKind,
    directory_of,
    is_packed,
    place_of_tile,
    plain_attribution,
    read_ground,
    unpacked_tile,
)
from care_network.records.places.checked_files import CheckedFile, forget_file, keep_file, kept_file
from care_network.records.places.ground import (
    Ground,
    district_box,
    ground_of,
    homes_within,
    remove_ground,
    require_ground,
    slice_of,
    store_ground,
)
from console.pages.map.outlines import ADDRESS, GONE_EN, GONE_ZH, show
from console.pages.map.uploads import SentFile
from console.shell.guard import GROUND
from console.shell.looks import TILES
from console.shell.security import CurrentAccount, needs, origin_of
from console.shell.state import Shared
from console.shell.text import page_router

router = page_router()
MOST_KEPT = 64
"""Directories in memory; a district's file has one to twenty."""
A_DAY = "private, max-age=86400"
"""A tile's address names its file: it never changes. Private, because it is for those who are logged in."""


class _Directories:
    """Heads and directories of archives, by the archive, so that a tile costs one read. Threads share it."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, int, int], Any] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: tuple[str, int, int], read: Callable[[], Any]) -> Any:
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        found = read()
        with self._lock:
            self._kept[key] = found
            while len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
        return found


_directories = _Directories()


class _GoneError(Exception):
    """Another archive is there by now, or none."""


@router.post(GROUND, dependencies=[needs(Action.PROVISION)])
def ground_load(request: Request, console: Shared, account: CurrentAccount, sent: SentFile) -> Response:
    """Check a file and keep it; with ``store`` make it the ground. A wrong file is refused in words."""
    now, origin = dt.datetime.now(dt.UTC), origin_of(request)
    with console.database() as conn:
        require_ground(conn, account)
        kept = None if sent.checked is None else kept_file(conn, account, "ground", sent.checked, now)
        box = district_box(conn)
    # the check of a large file takes seconds: meanwhile nobody waits for this connection
    error: ProvisioningError | None = None
    found: GroundFile | None = None
    data = kept.data if kept is not None else sent.data
    try:
        if data is None:
            raise _nothing(expired=sent.checked is not None)
        found = read_ground(data, box)
    except GroundFileError as refused:
        error = refused
    name = kept.name if kept is not None else sent.name or "PMTiles"
    with console.database() as conn:
        if found is None or data is None:
            return show(conn, request, account, error)
        words = plain_attribution(sent.attribution) or ("" if sent.store and kept is not None else found.attribution)
        if sent.store:
            try:
                store_ground(conn, account, found, data, name=name, attribution=words, at=now, origin=origin)
            except ProvisioningError as refused:
                if refused.field != "attribution":
                    raise
                error = refused
            else:
                forget_file(conn, account, "ground")
                return RedirectResponse(f"{ADDRESS}?ground=stored", 303)
        number = sent.checked if kept is not None else None
        if number is None:
            number = keep_file(conn, account, "ground", CheckedFile(name=name, datum="wgs84", data=data), now)
        inside, homes = homes_within(conn, found.box)
        return show(conn, request, account, error, new_ground=found, kept=number, file_name=name, attribution=words,
                    inside=inside, homes=homes, longest=LONGEST_ATTRIBUTION)  # fmt: skip


@router.post(f"{GROUND}/remove", dependencies=[needs(Action.PROVISION)])
def ground_remove(request: Request, console: Shared, account: CurrentAccount) -> Response:
    """Take the ground away: the map is drawn on plain paper again."""
    with console.database() as conn:
        remove_ground(conn, account, at=dt.datetime.now(dt.UTC), origin=origin_of(request))
    return RedirectResponse(f"{ADDRESS}?ground=removed", 303)


@router.get(TILES + "{version}/{z}/{x}/{y}", dependencies=[needs(Action.VIEW_NETWORK)])
def ground_tile(request: Request, console: Shared, version: str, z: int, x: int, y: int) -> Response:
    """One tile of the ground; 204 where there is none. It shows streets and nobody: no line in the audit."""
    tag = f'"{version[:16]}-{z}-{x}-{y}"'
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers={"ETag": tag, "Cache-Control": A_DAY})
    with console.database() as conn:
        ground = ground_of(conn)
        if ground is None or ground.version != version:
            return Response(status_code=204)

        def read(offset: int, length: int) -> bytes:
            found = slice_of(conn, version, offset, length)
            if found is None:
                raise _GoneError
            return found

        try:
            head = cast("bytes", _directories.get((version, 0, HEAD), lambda: read(0, HEAD)))

            def directory(offset: int, length: int) -> Sequence[Entry]:
                key = (version, offset, length)
                return cast("Sequence[Entry]", _directories.get(key, lambda: directory_of(read(offset, length), head)))

            place = place_of_tile(head, directory, z, x, y)
            packed = None if place is None else read(*place)
        except _GoneError:
            packed = None
    headers = {"ETag": tag, "Cache-Control": A_DAY, "Vary": "Accept-Encoding"}
    if packed is None:
        return Response(status_code=204, headers=headers)
    if is_packed(head):
        if "gzip" in request.headers.get("accept-encoding", ""):
            headers["Content-Encoding"] = "gzip"
        else:
            packed = unpacked_tile(packed, head)
    return Response(packed, media_type=MEDIA[cast("GroundKind", ground.kind)], headers=headers)


def drawn(ground: Ground | None) -> dict[str, Any] | None:
    """Give the map's script all it needs to draw the ground; None without one."""
    if ground is None:
        return None
    return {
        "tiles": f"{TILES}{ground.version}/{{z}}/{{x}}/{{y}}",
        "kind": "vector" if ground.kind == "mvt" else "picture",
        "min": ground.min_zoom,
        "max": ground.max_zoom,
        "box": [[ground.south, ground.west], [ground.north, ground.east]],
        "layers": ground.layers,
        "words": ground.attribution,
    }


def _nothing(*, expired: bool) -> GroundFileError:
    if expired:
        return GroundFileError(zh=GONE_ZH, en=GONE_EN)
    return GroundFileError(zh="请先选择一个 PMTiles 文件", en="choose a PMTiles file first")
