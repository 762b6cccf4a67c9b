"""Let msgspec look at every struct in one thread, before there are others."""

import contextlib
import threading

import msgspec

_lock = threading.Lock()
_known: set[type[msgspec.Struct]] = set()


def understand_structs() -> None:
    """Make msgspec look at the fields of all structs that are defined so far and that it has not seen here yet.

    It does so at a struct's first decoding or conversion. Two threads that begin with the same struct at once end the
    process with a segmentation fault: the second one sees what the first has not finished (msgspec 0.22).
    """
    with _lock:
        waiting: list[type[msgspec.Struct]] = [msgspec.Struct]
        found: set[type[msgspec.Struct]] = set()
        while waiting:
            new = set(waiting.pop().__subclasses__()) - found
            found |= new
            waiting += new
        for kind in found - _known:
            with contextlib.suppress(TypeError, NameError):  # never decoded: of types that msgspec does not know
                msgspec.json.Decoder(kind)
        _known.update(found)
