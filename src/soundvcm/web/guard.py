"""What every request passes first: who asks, from where, how much; and the headers every answer gets.

An ASGI wrapper. Knows limits and headers; nothing of jobs. There is no CORS: other sites' pages get nothing.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, RedirectResponse

from soundvcm.web.limits import Limits, RefusedError, is_loopback, name_of_host

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

COOKIE = "soundvcm_token"
HEADERS = {
    "content-security-policy": (
        "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; frame-ancestors 'none';"
        " base-uri 'none'; form-action 'self'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}
OPEN = ("/api/health",)


class Guard:
    """Wraps the application.

    Args:
        app: what lies behind.
        limits: of the studio; the size of uploads is counted here, as it arrives.
        token: what clients must know; None on a studio for this machine alone.
    """

    def __init__(self, app: App, limits: Limits, token: str | None) -> None:
        self.app, self.limits, self.token = app, limits, token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        headers = Headers(scope=scope)
        dressed = _dressed(send)
        try:
            self._check_source(scope, headers)
            if self._is_entrance(scope):
                return await self._enter()(scope, receive, dressed)
            self._check_token(scope, headers)
            claimed = headers.get("content-length", "0")
            self.limits.check_upload(int(claimed) if claimed.isdecimal() else 0)
        except RefusedError as error:
            return await answer(error)(scope, receive, dressed)
        await self.app(scope, self._counted(receive), dressed)

    def _check_source(self, scope: Scope, headers: Headers) -> None:
        """Refuse other sites' pages, and names that were bent to this address (DNS rebinding)."""
        host = headers.get("host", "")
        if self.token is None and not is_loopback(name_of_host(host)):
            raise RefusedError(403, "this studio answers to 127.0.0.1 and localhost only")
        origin = headers.get("origin")
        if origin is not None and scope["method"] not in ("GET", "HEAD"):
            if urlsplit(origin).netloc != host:
                raise RefusedError(403, "requests from other sites' pages are not taken")

    def _is_entrance(self, scope: Scope) -> bool:
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        return scope["path"] == "/" and self.token is not None and self._fits(given)

    def _enter(self) -> RedirectResponse:
        """A browser that brought the token in the address gets it as a cookie, and a clean address."""
        response = RedirectResponse("/", status_code=303)
        response.set_cookie(COOKIE, str(self.token), httponly=True, samesite="strict")
        return response

    def _check_token(self, scope: Scope, headers: Headers) -> None:
        if self.token is None or scope["path"] in OPEN:
            return
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self._fits(given.strip()):
            return
        try:
            morsel = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
        except CookieError:
            morsel = None
        if morsel is None or not self._fits(morsel.value):
            raise RefusedError(
                401, "this studio needs its token: open /?token=TOKEN, or send Authorization: Bearer TOKEN"
            )

    def _fits(self, given: str) -> bool:
        wanted = self.token or ""
        return hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode())

    def _counted(self, receive: Receive) -> Receive:
        """Bodies whose length was not claimed (or claimed wrongly) stop at the limit."""
        total = 0

        async def counted() -> Message:
            nonlocal total
            message = await receive()
            total += len(message.get("body", b""))
            try:
                self.limits.check_upload(total)
            except RefusedError as error:
                raise HTTPException(error.status, str(error)) from None
            return message

        return counted


def answer(error: RefusedError) -> JSONResponse:
    """The refusal as JSON: a sentence and the control it belongs beside."""
    headers = {"retry-after": "5"} if error.status == 429 else None
    return JSONResponse({"error": str(error), "field": error.field}, error.status, headers)


def _dressed(send: Send) -> Send:
    async def dressed(message: Message) -> None:
        if message["type"] == "http.response.start":
            have = {name.lower() for name, _ in message.get("headers", [])}
            more = [(k.encode(), v.encode()) for k, v in HEADERS.items() if k.encode() not in have]
            message = {**message, "headers": [*message.get("headers", []), *more]}
        await send(message)

    return dressed
