"""Products: the device models with how many are in use here and how reliable they were."""

from importlib.resources import files
from typing import Annotated

from fastapi import Query, Request
from starlette.responses import Response

from care_network.access.permissions import Action
from care_services.library.courses import keeping as courses
from care_services.library.documents import keeping as documents
from care_services.library.products import products, versions
from care_services.library.topics import TOPICS
from console.pages.care.frame import care_page
from console.pages.library.documents import acting_of
from console.shell.security import CurrentAccount, needs
from console.shell.state import Shared
from console.shell.text import page_router

router = page_router()
LOOK = needs(Action.VIEW_CARE)


@router.get("/care/products", dependencies=[LOOK])
def listing(request: Request, console: Shared, account: CurrentAccount) -> Response:
    """The device models, those in use first."""
    with console.database() as conn:
        acting = acting_of(request, conn, account)
        found = products.recent(acting)
        counted = products.counted_at(acting)
    return care_page(
        request, "library-products.html", account, found=found, counted=counted, transports=products.TRANSPORTS,
        facts={one.model: products.facts_of(one.model) for one in found}, least=products.LEAST_DEVICE_MONTHS,
    )  # fmt: skip


@router.get("/care/products/{model}", dependencies=[LOOK])
def product_page(request: Request, console: Shared, account: CurrentAccount, model: str) -> Response:
    """One model: its months, and what is to be read and learned about what it watches."""
    with console.database() as conn:
        acting = acting_of(request, conn, account)
        found = products.product(acting, model)
        facts = products.facts_of(model)
        months = products.months(acting, model)
        run = versions.recent(acting, model)
        papers = [one for topic in facts.topics for one in documents.listing(acting, topic=topic)[: documents.LIMIT]]
        taught = [one for one in courses.listing(acting) if set(one.course.topics) & set(facts.topics)]
    return care_page(
        request, "library-product.html", account, product=found, facts=facts, months=months, topics=TOPICS,
        papers={one.code: one for one in papers}.values(), taught=taught, transports=products.TRANSPORTS,
        least=products.LEAST_DEVICE_MONTHS, here="/care/products", versions=run,
        profile=(files("firmware_profiles") / "devices" / f"{model}.toml").read_text("utf-8"),
    )  # fmt: skip


@router.get("/care/products-compare", dependencies=[LOOK])
def compare_page(
    request: Request, console: Shared, account: CurrentAccount, a: Annotated[str, Query(max_length=80)] = "",
    b: Annotated[str, Query(max_length=80)] = "",
) -> Response:  # fmt: skip
    """Two models side by side; without a choice the two of which the most are in use."""
    with console.database() as conn:
        found = products.recent(acting_of(request, conn, account))
    by_model = {one.model: one for one in found}
    first = by_model.get(a) or found[0]
    second = by_model.get(b) or next(one for one in found if one.model != first.model)
    return care_page(
        request, "library-products-compare.html", account, all=found, a=first, b=second,
        facts={one.model: products.facts_of(one.model) for one in (first, second)}, transports=products.TRANSPORTS,
        here="/care/products",
    )  # fmt: skip
