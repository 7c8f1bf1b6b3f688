"""The application: its endpoints, its stores for as long as it runs, and its answers to what goes wrong."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import Depends, FastAPI

from src.api.answers import handle
from src.api.link import Limits
from src.api.openapi import Documented
from src.api.parameters import refuse_undeclared
from src.api.routes import analytics, comments, eaos, health, live, programs
from src.api.scrubbing import Scrubber
from src.api.stores import Stores
from src.settings import Urls

_DESCRIPTION = """\
What Redis, ClickHouse and Elasticsearch hold in the new layout, read through the V2 clients.

Program ids hold `/`, so that they are query parameters and never a part of a path. Times are RFC 3339 with an offset,
answers are in UTC. A page's `next` is the path of the page after it. What goes wrong is answered with an RFC 9457
problem; a parameter or value of the old schema with status 400 and what it is called now.
"""


def create_app(urls: Urls | None = None, limits: Limits | None = None) -> FastAPI:
    """Return the application; its clients are made when it starts and disconnected when it ends.

    Args:
        urls: where the stores are; None: as the environment says when this is called.
        limits: how long each store may take.
    """
    urls = Urls.from_environ() if urls is None else urls
    limits = Limits() if limits is None else limits

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        stores = Stores(urls, limits)
        app.state.stores = stores
        stores.begin()
        try:
            yield
        finally:
            await stores.close()

    app = Documented(
        title="TV analytics",
        version="2",
        description=_DESCRIPTION,
        lifespan=lifespan,
        dependencies=[Depends(refuse_undeclared)],
    )
    app.state.scrub = Scrubber(urls)
    handle(app, app.state.scrub)
    for routes in (eaos, live, comments, analytics, programs, health):
        app.include_router(routes.router)
    return app
