"""Refusals as problem details (RFC 9457): a sentence, and the control of the page it belongs beside.

Knows sentences and statuses; nothing of jobs.
"""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from soundvcm.errors import InputError, SoundVCMError
from soundvcm.web import forms, schema
from soundvcm.web.limits import DISK_FULL, RefusedError

MEDIA_TYPE = "application/problem+json"
FAULT = "something went wrong inside the studio; its log says more"
RETRY_SECONDS = 5

#: for the description of the service
REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"model": schema.Problem, "content": {MEDIA_TYPE: {}}}
    for status in (401, 403, 404, 408, 409, 413, 415, 422, 429, 507)
}


def problem(
    status: int, detail: str, field: str | None = None, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """An answer that says what is wrong; `error` repeats `detail` for clients of earlier versions."""
    try:
        title = HTTPStatus(status).phrase
    except ValueError:
        title = "Error"
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    more = dict(headers or {}) | ({"retry-after": str(RETRY_SECONDS)} if status == 429 else {})
    return JSONResponse({**body, "field": field, "error": detail}, status, more, MEDIA_TYPE)


def answer(error: RefusedError) -> JSONResponse:
    """The refusal as problem details."""
    return problem(error.status, str(error), error.field)


def install(app: FastAPI) -> None:
    """Let every error of an application be answered this way."""
    app.add_exception_handler(SoundVCMError, _refused)
    app.add_exception_handler(RequestValidationError, _misread)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(OSError, _system)
    app.add_exception_handler(Exception, _fault)


def _refused(_: Request, error: Exception) -> JSONResponse:
    if isinstance(error, RefusedError):
        return answer(error)
    if os.strerror(errno.ENOSPC) in str(error):
        return problem(507, DISK_FULL)
    if isinstance(error, InputError):
        return problem(422, forms.in_page_words(str(error)), forms.field_of(str(error)))
    return problem(500, str(error))


def _system(_: Request, error: Exception) -> JSONResponse:
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return problem(507, DISK_FULL)
    logging.getLogger(__name__).error("a request", exc_info=error)
    return problem(500, FAULT)


def _misread(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    name = str(first["loc"][-1])
    return problem(422, f"{name}: {first['msg'][:1].lower()}{first['msg'][1:]}", name)


def _http(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    return problem(error.status_code, str(error.detail), headers=error.headers)


def _fault(_: Request, error: Exception) -> JSONResponse:
    return problem(500, FAULT)
