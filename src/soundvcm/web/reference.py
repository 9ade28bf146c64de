"""The reference of the service as a page that needs no network: made from the same OpenAPI description.

Knows the description and HTML; nothing of what the addresses do.
"""

from __future__ import annotations

from html import escape
from typing import Any

HEAD = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>{title}: reference</title>
<link rel="icon" href="data:,"><link rel="stylesheet" href="/static/studio.css"></head>
<body class="reference"><main><section><h1>{title} {version}: reference</h1><p>{about}</p>
<p>The same for machines: <a href="/api/openapi.json">/api/openapi.json</a>.</p></section>"""


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
        for name, schema in body.get("properties", {}).items():
            needed = name in body.get("required", [])
            default = f"; {schema['default']} if left out" if schema.get("default") not in (None, "") else ""
            fields.append((name, f"form, {_type(schema)}{default}", schema.get("description", ""), needed))
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
