"""What every request passes first: who asks, from where, how much, how fast; and the headers of each answer.

An ASGI wrapper. Knows limits, headers and the admission; nothing of jobs. There is no CORS: other sites'
pages get nothing.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import time
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, RedirectResponse, Response

from soundvcm.web.admission import Admission, Place
from soundvcm.web.limits import Limits, RefusedError, is_loopback, name_of_host
from soundvcm.web.problems import answer

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
#: answered without a token
OPEN = ("/api/health", "/login", "/static/studio.css")
#: path => whether the request will be a job; their bodies are read only when there is room
COUNTED = {"/api/jobs": True, "/api/clips": False, "/api/sounds": False}
LEAST_RATE = 16 << 10  # bytes a second, after the grace
DRAINED_SECONDS = 5.0


class Guard:
    """Wraps the application.

    Args:
        app: what lies behind.
        limits: of the studio; the size of uploads is counted here, as it arrives.
        admission: decides before a body is read whether there is room.
        token: what clients must know; None on a studio for this machine alone.
        hosts: names under which a proxy shows the studio, as `--trusted-host` gives them.
    """

    def __init__(
        self, app: App, limits: Limits, admission: Admission, token: str | None, hosts: Sequence[str] = ()
    ) -> None:
        self.app, self.limits, self.admission, self.token = app, limits, admission, token
        self.hosts = {host.lower() for host in hosts}
        # The cookie holds a digest: any token fits into one, and the token itself stays out of the browser.
        self.pass_ = hashlib.sha256(f"soundvcm {token}".encode()).hexdigest()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        headers = Headers(scope=scope)
        head = scope["method"] == "HEAD"
        dressed = _dressed(send, head)
        place: Place | None = None

        def grown(total: int) -> None:
            self.limits.check_upload(total)
            if place is not None:
                self.admission.grow(place, total)

        counted = self._counted(receive, grown)
        try:
            self._check_source(scope, headers)
            response = await self._entrance(scope, headers, counted)
            if response is not None:
                return await response(scope, receive, dressed)
            self._check_token(scope, headers)
            claimed = headers.get("content-length", "0")
            size = int(claimed) if claimed.isdecimal() else 0
            self.limits.check_upload(size)
            if scope["method"] == "POST" and scope["path"] in COUNTED:
                place = self.admission.enter(COUNTED[scope["path"]], size)
        except (RefusedError, HTTPException) as error:
            if isinstance(error, HTTPException):
                error = RefusedError(error.status_code, str(error.detail))
            await self._drain(headers, receive)
            return await self._unadmitted(error, scope, headers)(scope, receive, dressed)
        try:
            inner = {**scope, "method": "GET" if head else scope["method"], "soundvcm": (place, head)}
            await self.app(inner, counted, dressed)
        finally:
            if place is not None:
                place.leave()

    def _check_source(self, scope: Scope, headers: Headers) -> None:
        """Refuse other sites' pages, and names that were bent to this address (DNS rebinding)."""
        host = headers.get("host", "")
        name = name_of_host(host).lower()
        if self.token is None and not is_loopback(name) and not self._trusted(host):
            raise RefusedError(
                403,
                "this studio answers to 127.0.0.1 and localhost only; --trusted-host NAME adds a name",
            )
        origin = headers.get("origin")
        if origin is not None and scope["method"] not in ("GET", "HEAD"):
            place = urlsplit(origin).netloc
            if place != host and not self._trusted(place):
                raise RefusedError(403, "requests from other sites' pages are not taken")

    def _trusted(self, host: str) -> bool:
        return bool(self.hosts) and bool({host.lower(), name_of_host(host).lower()} & self.hosts)

    async def _entrance(self, scope: Scope, headers: Headers, receive: Receive) -> Response | None:
        """A browser that brings the token, in the address or in the form, gets a cookie."""
        if self.token is None:
            return None
        if scope["path"] == "/":
            given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        elif scope["path"] == "/login" and scope["method"] == "POST":
            body = await _small_body(receive)
            given = parse_qs(body.decode("latin-1")).get("token", [""])[0].strip()
            if not self._fits(given):
                return HTMLResponse(_login_page("This is not the token of this studio."), 401)
        else:
            return None
        if not self._fits(given):
            return None
        response = RedirectResponse("/", status_code=303)
        secure = headers.get("x-forwarded-proto", scope.get("scheme", "http")) == "https"
        response.set_cookie(COOKIE, self.pass_, httponly=True, samesite="strict", secure=secure)
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
        if morsel is None or not hmac.compare_digest(
            morsel.value.encode("utf-8", "replace"), self.pass_.encode()
        ):
            raise RefusedError(
                401, "this studio needs its token: open /?token=TOKEN, or send Authorization: Bearer TOKEN"
            )

    def _fits(self, given: str) -> bool:
        wanted = self.token or ""
        return hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode())

    def _unadmitted(self, error: RefusedError, scope: Scope, headers: Headers) -> Response:
        """A person gets a form for the token, everybody else the refusal."""
        if error.status == 401 and "text/html" in headers.get("accept", "") and scope["method"] == "GET":
            return HTMLResponse(_login_page(), 401)
        return answer(error)

    def _counted(self, receive: Receive, grown: Callable[[int], None]) -> Receive:
        """Bodies that grow beyond what is taken, or arrive too slowly, are not read on."""
        total, over, began = 0, False, time.monotonic()

        async def counted() -> Message:
            nonlocal total, over
            if over:
                return await receive()
            left = self.limits.sender_seconds + total / LEAST_RATE - (time.monotonic() - began)
            try:
                message = await asyncio.wait_for(receive(), max(0.01, left))
            except TimeoutError:
                over = True
                raise HTTPException(408, "the request arrived too slowly: try again") from None
            total += len(message.get("body", b""))
            over = not message.get("more_body", False)
            try:
                grown(total)
            except RefusedError as error:
                raise HTTPException(error.status, str(error)) from None
            return message

        return counted

    async def _drain(self, headers: Headers, receive: Receive) -> None:
        """Read what a refused client is still sending and forget it, so that it gets to read the refusal.

        A client that waits to be told to go on (Expect: 100-continue) is answered at once.
        """
        if headers.get("expect") or not (headers.get("content-length") or headers.get("transfer-encoding")):
            return
        end = time.monotonic() + DRAINED_SECONDS
        try:
            while time.monotonic() < end:
                message = await asyncio.wait_for(receive(), max(0.01, end - time.monotonic()))
                if not message.get("more_body", False):
                    return
        except TimeoutError:
            return


async def _small_body(receive: Receive) -> bytes:
    body = b""
    while len(body) < 10_000:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body", False):
            break
    return body


def _login_page(complaint: str = "") -> str:
    """The form that asks for the token; nothing of what was sent is in it."""
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>SoundVCM studio: token</title>
<link rel="icon" href="data:,"><link rel="stylesheet" href="/static/studio.css"></head>
<body class="login"><main><form method="post" action="/login">
<h1>SoundVCM studio</h1>
<p>This studio can be reached from other machines, so it asks for its token. It was given with
<code>--token-file</code> or <code>SOUNDVCM_TOKEN</code> when the studio was started.</p>
<div class="field"><label for="token">Token</label>
<input id="token" name="token" type="password" autocomplete="current-password" required autofocus>
<p class="error" role="alert">{complaint}</p></div>
<button type="submit" class="primary">Open the studio</button></form></main></body></html>"""


def _dressed(send: Send, head: bool = False) -> Send:
    async def dressed(message: Message) -> None:
        if message["type"] == "http.response.start":
            have = {name.lower() for name, _ in message.get("headers", [])}
            more = [(k.encode(), v.encode()) for k, v in HEADERS.items() if k.encode() not in have]
            message = {**message, "headers": [*message.get("headers", []), *more]}
        elif head and message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await send(message)

    return dressed
