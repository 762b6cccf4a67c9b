"""The page where a new gateway trades its code for its first certificate (HTTPS)."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import psycopg
import structlog
from fastapi import FastAPI, HTTPException, Request
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from care_network.records.certificates import EnrolmentError
from database.pool import connect_options
from database.settings import DatabaseSettings
from shouwang.certificates.issuer import MOST_REQUEST, Issuer, RequestRefusedError
from shouwang.certificates.renewal import enrol

log = structlog.get_logger(__name__)

MOST_BODY = 3 * MOST_REQUEST


class Enrolment(BaseModel):
    """A new gateway's wish."""

    gateway: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{1,62}$")]
    code: Annotated[str, Field(pattern=r"^[0-9a-fA-F]{32}$")]
    request: Annotated[str, Field(max_length=MOST_REQUEST)]
    """Certificate signing request (PKCS #10, PEM)."""


def create_app(
    database: DatabaseSettings, issuer: Callable[[], Issuer], authority: Path, life: dt.timedelta
) -> FastAPI:
    """The application. ``authority``: the certificate that the gateway will trust, handed out with its own."""
    app = FastAPI(title="Shouwang enrolment", docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/authority")
    def authority_certificate() -> Response:
        # its fingerprint stands in the code that the installer has: this answer needs no trust
        return Response(authority.read_bytes(), media_type="application/x-pem-file")

    @app.post("/enrol")
    async def enrolled(request: Request) -> Any:
        body = b""
        async for part in request.stream():
            body += part
            if len(body) > MOST_BODY:
                raise HTTPException(413, "too large")
        try:
            wish = Enrolment.model_validate_json(body)
        except ValueError as error:
            raise HTTPException(422, "not an enrolment") from error
        return await run_in_threadpool(answer, wish)

    def answer(wish: Enrolment) -> dict[str, str]:
        try:
            with psycopg.connect(database.url, autocommit=True, **connect_options(database, "enrolment")) as conn:
                now = dt.datetime.now(dt.UTC)
                issued = enrol(conn, issuer(), wish.gateway, wish.code, wish.request.encode(), now, life)
        except (EnrolmentError, RequestRefusedError) as error:
            log.warning("enrolment refused", gateway=wish.gateway, reason=str(error))
            raise HTTPException(403, str(error)) from error
        except psycopg.OperationalError as error:
            raise HTTPException(503, "the district's database is away; try again in a minute") from error
        log.info("a gateway has enrolled", gateway=wish.gateway, until=issued.expires_at.isoformat())
        return {"certificate": issued.chain.decode(), "authority": authority.read_text()}

    return app
