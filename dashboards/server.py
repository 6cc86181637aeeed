"""Serves the dashboard on loopback: a page, what it consists of, and the answers to its questions."""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from dashboards.catalogue import (
    FOLDER,
    PAGES,
    Chart,
    DashboardError,
    all_charts,
    all_drills,
    charts_of,
    theme,
)
from dashboards.published import Published
from dashboards.questions import as_json, offered, plain, view_of

PUBLISHED_FILE = Path("published") / "sentry.duckdb"
LOOPBACK = ("127.0.0.1", "localhost", "[::1]", "::1")
HEADERS = {
    # Vega compiles its expressions to functions, hence unsafe-eval; nothing may leave for another host
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}

Answering = Callable[[Published, Request], dict[str, Any]]


def serve(home: Path, host: str = "127.0.0.1", port: int = 8765) -> None:
    """Serves the dashboard of a home folder until interrupted; says where, once it listens.

    Raises OSError when it can not have the address.
    """
    import uvicorn

    app = make_app(home, host=host)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, port), family=family, backlog=128) as listener:
        shown = f"[{host}]" if ":" in host else host
        sys.stdout.write(f"Dashboard on http://{shown}:{listener.getsockname()[1]} (Ctrl-C ends it).\n")
        sys.stdout.flush()
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))
        with suppress(KeyboardInterrupt):
            server.run(sockets=[listener])


def make_app(home: Path, *, host: str = "127.0.0.1") -> Starlette:
    """The dashboard of a home folder as an ASGI application. It answers to loopback names and `host` only."""
    published = Published(home / PUBLISHED_FILE)
    # a page elsewhere must not read the data through a name that resolves to this machine
    hosts = ["*"] if host in ("0.0.0.0", "::") else [*LOOPBACK, host]  # noqa: S104 (compared, not bound)
    return Starlette(
        routes=[
            Route("/", _index),
            Route("/catalogue", _answer(published, _catalogue)),
            Route("/view", _answer(published, _view)),
            Route("/drill", _answer(published, _drill)),
            Route("/generation", _answer(published, _generation)),
            Mount("/static", StaticFiles(directory=FOLDER / "static")),
        ],
        middleware=[
            Middleware(TrustedHostMiddleware, allowed_hosts=hosts, www_redirect=False),
            Middleware(GZipMiddleware, minimum_size=2000, compresslevel=4),
        ],
    )


def catalogue_json(offers: dict[str, Any]) -> dict[str, Any]:
    """Pages, charts, filters and colours: everything the page is built from."""
    return {
        "pages": [{"name": name, "title": title} for name, title in PAGES.items()],
        "charts": [_chart_json(chart) for chart in all_charts()],
        "drills": {name: query.sql for name, query in all_drills().items()},
        "offers": plain(offers),
        "theme": theme(),
    }


def _chart_json(chart: Chart) -> dict[str, Any]:
    return {
        "name": chart.name,
        "title": chart.title,
        "question": chart.question,
        "definition": chart.definition,
        "pages": chart.pages,
        "size": chart.size,
        "drill": chart.drill,
        "empty": chart.empty,
        "follows": chart.follows,
        "follows_dates": chart.follows_dates,
        "sql": chart.query.sql,
        "spec": chart.spec,
        "table": chart.table,
    }


def _catalogue(published: Published, request: Request) -> dict[str, Any]:
    generation = published.generation()
    return {"generation": generation, **catalogue_json(offered(published) if generation else {})}


def _view(published: Published, request: Request) -> dict[str, Any]:
    address = dict(request.query_params)
    page = address.get("page", "overview")
    view = view_of(address, offered(published)["as_of"])
    values = view.values()
    return {
        "generation": published.generation(),
        "values": plain(values),
        "answers": {chart.name: as_json(published.ask(chart.query, values)) for chart in charts_of(page)},
    }


def _drill(published: Published, request: Request) -> dict[str, Any]:
    address = dict(request.query_params)
    query = all_drills().get(address.get("drill", ""))
    if query is None:
        raise DashboardError("There is no such question behind a bar.")
    view = view_of(address, offered(published)["as_of"])
    clicked = {name: value for name, value in address.items() if name.startswith("clicked_")}
    return {
        "values": plain(view.values() | clicked),
        **as_json(published.ask(query, view.values() | clicked)),
    }


def _generation(published: Published, request: Request) -> dict[str, Any]:
    return {"generation": published.generation()}


def _answer(published: Published, answering: Answering) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        try:
            body, status = await run_in_threadpool(answering, published, request), 200
        except DashboardError as error:
            body, status = {"error": str(error)}, 400 if published.generation() else 503
        return Response(
            json.dumps(body, separators=(",", ":"), ensure_ascii=False),
            status,
            HEADERS,
            media_type="application/json",
        )

    return endpoint


async def _index(request: Request) -> Response:
    return Response(
        (FOLDER / "static" / "index.html").read_text("utf-8"), 200, HEADERS, media_type="text/html"
    )
