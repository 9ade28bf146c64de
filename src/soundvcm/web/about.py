"""What the service tells of itself: the page, its reference, health, models, defaults, metrics.

The reference is a page that needs no network, made from the same OpenAPI description. Knows FastAPI and the
studio; no jobs of anybody.
"""

from __future__ import annotations

from dataclasses import asdict
from html import escape
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse, Response

from soundvcm import __version__
from soundvcm.systems.catalog import PRESETS
from soundvcm.web import examples, forms, schema
from soundvcm.web.limits import RefusedError
from soundvcm.web.metrics import CONTENT_TYPE
from soundvcm.web.studio import Studio

STATIC = Path(__file__).parent / "static"
#: files of the page; nothing else of the folder is served
PAGE = {
    "studio.css": "text/css",
    **dict.fromkeys(
        (
            "api.js",
            "clip.js",
            "history.js",
            "like.js",
            "said.js",
            "draw.js",
            "form.js",
            "jobs.js",
            "keys.js",
            "parts.js",
            "projects.js",
            "range.js",
            "sounds.js",
            "stage.js",
            "studio.js",
            "takes.js",
        ),
        "text/javascript",
    ),
}
router = APIRouter()
HEAD = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>{title}: reference</title>
<link rel="icon" href="data:,"><link rel="stylesheet" href="/static/studio.css"></head>
<body class="reference"><main><section><h1>{title} {version}: reference</h1><p>{about}</p>
<p>The same for machines: <a href="/api/openapi.json">/api/openapi.json</a>.</p></section>"""


def studio_of(request: Request) -> Studio:
    """The studio a request came to."""
    studio: Studio = request.app.state.studio
    return studio


@router.get("/", include_in_schema=False)
async def page() -> Response:
    """The page; answered without a thread of the pool, as health is, so that work cannot hold it up."""
    return Response((STATIC / "index.html").read_bytes(), media_type="text/html")


@router.get("/static/{name}", include_in_schema=False)
async def part_of_page(name: str) -> Response:
    """A file of the page."""
    if name not in PAGE:
        raise RefusedError(404, "the page has no such part")
    return Response((STATIC / name).read_bytes(), media_type=PAGE[name])


@router.get("/api/docs", include_in_schema=False)
def show_reference(request: Request) -> Response:
    """The description of the service, to read; loads nothing from elsewhere."""
    return Response(reference(request.app.openapi()), media_type="text/html")


@router.get("/api/health", response_model=schema.Health, tags=["about"])
async def health(request: Request, response: Response) -> dict[str, Any]:
    """Disk, queue and worker; answers without a token, and with 503 if no job could be made."""
    studio = studio_of(request)
    found = studio.health()
    response.status_code = 503 if found["status"] == "stopped" else 200
    return {**found, "version": __version__, "model": studio.pipeline.name}


@router.get("/api/models", response_model=schema.Models, tags=["about"])
def models(request: Request) -> dict[str, Any]:
    """The loaded system, and the table of names."""
    loaded = forms.abilities(studio_of(request).pipeline)
    return {"loaded": loaded, "known": [asdict(row) for row in PRESETS.values()]}


@router.get("/api/defaults", response_model=schema.Defaults, tags=["about"])
def show_defaults(request: Request) -> dict[str, Any]:
    """The defaults of every field (the same table as the command line's), and the limits."""
    studio = studio_of(request)
    return {
        "defaults": forms.defaults(),
        "prompts": list(examples.PROMPTS),
        "model": forms.abilities(studio.pipeline),
        "limits": {**asdict(studio.limits), "local_paths": studio.local_paths},
    }


@router.get("/metrics", response_class=PlainTextResponse, tags=["about"])
def metrics(request: Request) -> PlainTextResponse:
    """Counters for Prometheus."""
    studio = studio_of(request)
    return PlainTextResponse(studio.metrics.text(studio.gauges()), media_type=CONTENT_TYPE)


def reference(api: dict[str, Any]) -> str:
    """A page of all addresses, their fields and answers."""
    info, schemas = api["info"], api.get("components", {}).get("schemas", {})
    parts = [
        HEAD.format(
            title=escape(info["title"]), version=escape(info["version"]), about=escape(info["description"])
        )
    ]
    for path, methods in api["paths"].items():
        for method, facts in methods.items():
            parts.append(_operation(path, method, facts, schemas))
    rows = "".join(_schema(name, facts) for name, facts in schemas.items() if not name.startswith("Body_"))
    parts.append(f"<section><h2>What is answered</h2>{rows}</section>")
    return "\n".join([*parts, "</main></body></html>"])


def _operation(path: str, method: str, facts: dict[str, Any], schemas: dict[str, Any]) -> str:
    fields = [
        (row["name"], f"{row['in']}, {_type(row['schema'])}", row.get("description", ""), row.get("required"))
        for row in facts.get("parameters", [])
    ]
    for content in facts.get("requestBody", {}).get("content", {}).values():
        body = schemas.get(_name(content["schema"]), {})
        for name, field in body.get("properties", {}).items():
            needed = name in body.get("required", [])
            default = f"; {field['default']} if left out" if field.get("default") not in (None, "") else ""
            fields.append((name, f"form, {_type(field)}{default}", field.get("description", ""), needed))
    rows = "".join(
        f"<tr><th scope=row><code>{escape(name)}</code>{' (needed)' if needed else ''}</th>"
        f"<td>{escape(kind)}</td><td>{escape(words)}</td></tr>"
        for name, kind, words, needed in fields
    )
    head = "<tr><th scope=col>field</th><th scope=col>where</th><th scope=col>what</th></tr>"
    table = f"<table><thead>{head}</thead><tbody>{rows}</tbody></table>" if rows else ""
    answers = ", ".join(
        f"{status} {_answer(row)}".strip() for status, row in facts["responses"].items() if status[0] == "2"
    )
    return (
        f"<section><h2><code>{method.upper()} {escape(path)}</code></h2>"
        f"<p>{escape(facts.get('description', ''))}</p>{table}<p class=quiet>Answers {answers}</p></section>"
    )


def _schema(name: str, facts: dict[str, Any]) -> str:
    rows = "".join(
        f"<tr><th scope=row><code>{escape(field)}</code></th><td>{escape(_type(schema))}</td></tr>"
        for field, schema in facts.get("properties", {}).items()
    )
    words = escape(facts.get("description", ""))
    return f"<h3 id={escape(name)}>{escape(name)}</h3><p>{words}</p><table><tbody>{rows}</tbody></table>"


def _answer(row: dict[str, Any]) -> str:
    for kind, content in row.get("content", {}).items():
        schema = content.get("schema", {})
        name = _name(schema) or _name(schema.get("items", {}))
        return f'<a href="#{escape(name)}">{escape(name)}</a>' if name else escape(kind)
    return ""


def _name(schema: dict[str, Any]) -> str:
    return str(schema.get("$ref", "")).rsplit("/", 1)[-1]


def _type(schema: dict[str, Any]) -> str:
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_type(one) for one in schema["anyOf"]))
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    return _name(schema) or str(schema.get("format") or schema.get("type") or "anything")
