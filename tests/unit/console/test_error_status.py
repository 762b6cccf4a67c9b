"""The HTTP status of every error that is said in two languages."""

import importlib
import pkgutil
from collections.abc import Iterator

import pytest

import care_network
import dispatch
from care_network.errors import (
    CareNetworkError,
    ChangedMeanwhileError,
    ExistsError,
    KeyFileError,
    LoginRefusedError,
    NotFoundError,
    NotPermittedError,
    ProvisioningError,
)
from care_network.importing.ground import GroundFileError
from care_network.importing.outlines import OutlineFileError
from console.shell.errors import status_of
from dispatch.alerts.outcomes import OutcomeError
from dispatch.alerts.states import AlertChanged, LifecycleError
from dispatch.core.links import LinkError
from dispatch.core.push_services import PushServiceError
from dispatch.orders.states import OrderError
from figures.core.errors import NoChineseFontError
from vocabulary.errors import BilingualError
from vocabulary.text import TextError

STATUS: dict[type[BilingualError], int] = {
    LoginRefusedError: 401,
    NotPermittedError: 403,
    NotFoundError: 404,
    LifecycleError: 409,
    AlertChanged: 409,
    OrderError: 409,
    ChangedMeanwhileError: 409,
    LinkError: 410,
    ProvisioningError: 422,
    CareNetworkError: 422,
    ExistsError: 422,
    OutcomeError: 422,
    GroundFileError: 422,
    OutlineFileError: 422,
    PushServiceError: 422,
    TextError: 422,
    KeyFileError: 503,
    NoChineseFontError: 503,
}


@pytest.mark.parametrize("kind", STATUS, ids=lambda kind: kind.__name__)
def test_status(kind: type[BilingualError]) -> None:
    assert status_of(kind(en="no", zh="不")) == STATUS[kind]


def test_too_many_wrong_passwords() -> None:
    assert status_of(LoginRefusedError(en="wait", zh="等", retry_after_s=30)) == 429


def _kinds(base: type[BilingualError]) -> Iterator[type[BilingualError]]:
    for kind in base.__subclasses__():
        yield kind
        yield from _kinds(kind)


def test_no_error_lacks_a_status() -> None:
    for package in (care_network, dispatch):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)
    known = set(STATUS)
    # those of the command line and of the exchange, which another test may have imported, reach no page
    elsewhere = ("shouwang.", "exchange.")
    reach = [kind for kind in _kinds(BilingualError) if not kind.__module__.startswith(elsewhere)]
    assert {kind.__name__ for kind in reach if not known & set(kind.__mro__)} == set()
