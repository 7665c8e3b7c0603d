"""The fetch port: how the kit talks HTTP to issuers and services, and the one cached remote document.

Limits hold for every exchange: no redirects (a redirected key set is somebody else's key set), a bound on the
decompressed body, and a bound on the total time, so that neither a zip bomb nor one byte a second hurts.
"""

from __future__ import annotations

import copy
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Generic, Protocol, TypeVar

import anyio
import httpx

from mcpauthkit.core.clock import Clock, SystemClock
from mcpauthkit.errors import ConfigurationError, RemoteError, RemoteMisbehaved, RemoteUnavailable
from mcpauthkit.oauth.messages import MAX_DOCUMENT_BYTES, HttpRequest, HttpResponse

T = TypeVar("T")

_REDIRECTS = range(300, 400)
_GZIP_OR_ZLIB = zlib.MAX_WBITS | 32


class Fetch(Protocol):
    """Send one request, get one bounded response."""

    async def __call__(self, request: HttpRequest) -> HttpResponse:
        """Send it.

        Raises:
            RemoteUnavailable: No answer in time.
            RemoteMisbehaved: A redirect, or more than we read.
        """
        ...

    async def aclose(self) -> None:
        """Close what was opened."""
        ...


class HttpFetch:
    """The fetch port over httpx.

    Args:
        client: A client of yours, which stays open, and keeps cookies if it is made so; without one, one that keeps
            none is made at the first request and closed by `aclose()`.
        timeout_seconds: Bound on one whole exchange.
        max_bytes: Bound on the decompressed body.
        shows_redirects: Whether a redirect is given back as it is, for those who want to see where it leads; refused
            unless given. Followed it is in neither case.

    Raises:
        ConfigurationError: The client is no asynchronous one.
    """

    def __init__(
        self,
        client: httpx.AsyncClient | None = None,
        *,
        timeout_seconds: float = 5.0,
        max_bytes: int = MAX_DOCUMENT_BYTES,
        shows_redirects: bool = False,
    ) -> None:
        if client is not None and not isinstance(client, httpx.AsyncClient):
            raise ConfigurationError(
                f"http_client is a {type(client).__name__}, which cannot be awaited.",
                hint="Give httpx.AsyncClient(...), or leave it out.",
            )
        self._client = client
        self._owns_client = client is None
        self._timeout = timeout_seconds
        self._max_bytes = max_bytes
        self._shows_redirects = shows_redirects

    async def __call__(self, request: HttpRequest) -> HttpResponse:
        """Send one request."""
        if self._client is None:
            self._client = httpx.AsyncClient(follow_redirects=False, cookies=_no_cookies())
        try:
            with anyio.fail_after(self._timeout):
                return await self._exchange(self._client, request)
        except (TimeoutError, httpx.TimeoutException) as error:
            raise RemoteUnavailable(reason=f"{request.url}: no answer in {self._timeout} s") from error
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            raise RemoteUnavailable(reason=f"{request.url}: {type(error).__name__}") from error

    async def aclose(self) -> None:
        """Close the client if it is ours; a later request opens another."""
        if self._owns_client and self._client is not None:
            client, self._client = self._client, None
            await client.aclose()

    async def _exchange(self, client: httpx.AsyncClient, request: HttpRequest) -> HttpResponse:
        # identity: most servers then send nothing to decompress; the others are bounded below.
        headers = {"accept-encoding": "identity", **request.headers}
        async with client.stream(
            request.method,
            request.url,
            headers=headers,
            data=request.form,
            json=request.json,
            follow_redirects=False,
            timeout=self._timeout,
        ) as response:
            if response.status_code in _REDIRECTS and not self._shows_redirects:
                raise RemoteMisbehaved(
                    hint="Configure the address it redirects to, if that is the right one.",
                    reason=f"{request.url}: redirects are not followed (HTTP {response.status_code})",
                )
            if response.is_stream_consumed:
                # A mocked transport (respx, httpx.MockTransport) hands over what is in memory and unpacked already.
                chunks, encoding = _one(response.content), "identity"
            else:
                chunks = response.aiter_raw()
                encoding = response.headers.get("content-encoding", "identity").strip().lower()
            body = await self._bounded_body(chunks, encoding, request.url)
            return HttpResponse(response.status_code, dict(response.headers), body)

    async def _bounded_body(self, chunks: AsyncIterator[bytes], encoding: str, url: str) -> bytes:
        if encoding not in {"identity", "", "gzip", "deflate"}:
            raise RemoteMisbehaved(reason=f"{url}: content-encoding {encoding!r:.40} was not asked for")
        inflate = zlib.decompressobj(_GZIP_OR_ZLIB) if encoding in {"gzip", "deflate"} else None
        body = bytearray()
        async for chunk in chunks:
            try:
                # One byte more than allowed is enough to know; a bomb never unfolds further than that.
                room = self._max_bytes + 1 - len(body)
                body += inflate.decompress(chunk, room) if inflate else chunk
            except zlib.error as error:
                raise RemoteMisbehaved(reason=f"{url}: broken {encoding} body") from error
            if len(body) > self._max_bytes:
                raise RemoteMisbehaved(reason=f"{url}: more than {self._max_bytes} bytes")
        return bytes(body)


async def _one(chunk: bytes) -> AsyncIterator[bytes]:
    yield chunk


def _no_cookies() -> CookieJar:
    # One client serves everybody: a cookie set while Alice's code is exchanged must not travel with Bob's.
    return CookieJar(DefaultCookiePolicy(allowed_domains=()))


class CachedDocument(Generic[T]):
    """One remote document, fetched when needed and kept.

    One fetch runs at a time however many callers wait, and all of them share its outcome. A failure is not
    repeated for `retry_seconds`. When the source is down, the last good value serves until it is
    `max_age_seconds + max_stale_seconds` old; then the failure is raised.

    Args:
        load: Fetches and parses; raises a `RemoteError`.
        clock: Time.
        max_age_seconds: How long a value counts as fresh.
        max_stale_seconds: How much longer it serves while the source fails.
        cooldown_seconds: The least time between two refetches asked for by `refetch`.
        retry_seconds: How long after a failure the source is left alone.
    """

    def __init__(
        self,
        load: Callable[[], Awaitable[T]],
        *,
        clock: Clock | None = None,
        max_age_seconds: float = 600.0,
        max_stale_seconds: float = 3600.0,
        cooldown_seconds: float = 30.0,
        retry_seconds: float = 5.0,
    ) -> None:
        self._load = load
        self._clock = clock or SystemClock()
        self._max_age = max_age_seconds
        self._max_stale = max_stale_seconds
        self._cooldown = cooldown_seconds
        self._retry = retry_seconds
        self._lock = anyio.Lock()
        self._value: T | None = None
        self._loaded_at = float("-inf")
        self._failure: RemoteError | None = None
        self._failed_at = float("-inf")
        self._refetched_at = float("-inf")
        self._attempts = 0
        self.version = 0
        """Counts the values loaded so far; something derived from a value is good for one version."""
        self.loaded_wall_time = float("-inf")
        """When the present value was asked for, in seconds since the epoch."""

    @property
    def age_seconds(self) -> float:
        """How old the value is; infinite when there is none."""
        return self._clock.monotonic() - self._loaded_at

    @property
    def is_failing(self) -> bool:
        """Whether the last attempt to load it failed, so that a newer one may exist."""
        return self._failure is not None

    @property
    def is_fresh(self) -> bool:
        """Whether `get` would give the value without asking the source."""
        return self._clock.monotonic() - self._loaded_at < self._max_age

    @property
    def is_usable(self) -> bool:
        """Whether there is a value that may serve, fresh or not."""
        return self.age_seconds < self._max_age + self._max_stale

    @property
    def cooling_down_seconds(self) -> float:
        """How long until `refetch` would fetch again; 0 when it would now."""
        now = self._clock.monotonic()
        wait = max(self._refetched_at + self._cooldown, self._failed_at + self._retry) - now
        return max(0.0, wait)

    async def get(self) -> T:
        """The value, fetched first if it is missing or too old.

        Raises:
            RemoteError: There is no usable value and the source failed.
        """
        value = self._value
        if value is not None:
            if self.is_fresh:
                return value
            # Somebody is at it already, or it just failed: nobody has to wait while the old one may serve.
            if self.is_usable and (self._lock.locked() or self._resting()):
                return value
        seen = self._attempts
        async with self._lock:
            if self._attempts == seen and not self._resting():
                await self._attempt()
            return self._value_or_failure()

    async def refetch(self, seen_version: int) -> T:
        """A value newer than `seen_version`, if the cooldown allows asking for it.

        Compare `version` afterwards: an unchanged one means that the cooldown or a failure was in the way.

        Raises:
            RemoteError: There is no usable value and the source failed.
        """
        async with self._lock:
            if self.version == seen_version and self.cooling_down_seconds == 0:
                self._refetched_at = self._clock.monotonic()
                await self._attempt()
            return self._value_or_failure()

    async def _attempt(self) -> None:
        asked_at = self._clock.wall()
        try:
            value = await self._load()
        except RemoteError as error:
            self._failure = error
            self._failed_at = self._clock.monotonic()
            self._attempts += 1
            return
        self._value = value
        self._failure = None
        self._failed_at = float("-inf")
        self._loaded_at = self._clock.monotonic()
        self.loaded_wall_time = asked_at
        self._attempts += 1
        self.version += 1

    def _resting(self) -> bool:
        return self._clock.monotonic() < self._failed_at + self._retry

    def _value_or_failure(self) -> T:
        if self._value is not None and self.is_usable:
            return self._value
        if self._failure is None:
            raise RemoteUnavailable(reason="the document has not been loaded")
        # A fresh error each time: raising one object from many tasks would mix their tracebacks.
        failure = self._failure
        raise copy.copy(failure).with_traceback(None) from None
