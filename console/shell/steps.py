"""Register one route for each step that a person can take, each with the step's own permission."""

from collections.abc import Callable, Mapping
from typing import Any

from fastapi import APIRouter, Depends, Request

from care_network.access.permissions import Action
from console.shell.security import needs


def on_every_step(
    router: APIRouter, path: str, permissions: Mapping[str, Action]
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a function for each step below ``path``; ``permissions``: what each step asks for.

    One route a step, and not ``{step}`` in the path: that would take the address of every other page below it.
    """

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        for step, permission in permissions.items():
            router.post(f"{path}/{step}", dependencies=[needs(permission)])(function)
        return function

    return register


def _step_of(request: Request) -> str:
    """The last part of the address: the route's own, so one of those registered."""
    return str(request.scope["path"]).rpartition("/")[2]


STEP_OF_ROUTE = Depends(_step_of)
"""The step whose route was asked for: ``step: Annotated[AlertAction, STEP_OF_ROUTE]``."""
