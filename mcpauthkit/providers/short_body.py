"""Looking at the beginning of an answer without taking it away from whoever reads it afterwards."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator

import httpx

# A decompressor is fed so little at a time that what unfolds stays within sight of the bound.
_SLICE_BYTES = 1024


class _Replay(httpx.AsyncByteStream):
    """What was read, then the rest."""

    def __init__(self, read: list[bytes], rest: AsyncIterator[bytes], stream: httpx.AsyncByteStream) -> None:
        self._read = read
        self._rest = rest
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self._read:
            yield chunk
        async for chunk in self._rest:
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()


class _Slices(httpx.SyncByteStream):
    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._data = b"".join(chunks)

    def __iter__(self) -> Iterator[bytes]:
        for start in range(0, len(self._data), _SLICE_BYTES):
            yield self._data[start : start + _SLICE_BYTES]


async def short_body(response: httpx.Response, *, max_bytes: int) -> bytes | None:
    """The body of an answer that nobody has read yet, which can be read afterwards as if nothing had happened.

    Args:
        response: The answer.
        max_bytes: Bound on the body, on the wire and decompressed.

    Returns:
        The body, or None when it is longer or cannot be decompressed.
    """
    if response.is_stream_consumed:
        # A transport without a network hands over what is in memory already.
        return response.content if len(response.content) <= max_bytes else None
    stream = response.stream
    assert isinstance(stream, httpx.AsyncByteStream)
    chunks: list[bytes] = []
    rest = aiter(stream)
    response.stream = _Replay(chunks, rest, stream)
    size = 0
    async for chunk in rest:
        chunks.append(chunk)
        size += len(chunk)
        if size > max_bytes:
            return None
    return _unpacked(chunks, response.headers, max_bytes)


def _unpacked(chunks: list[bytes], headers: httpx.Headers, max_bytes: int) -> bytes | None:
    body = bytearray()
    try:
        for piece in httpx.Response(200, headers=headers, stream=_Slices(chunks)).iter_bytes():
            body += piece
            if len(body) > max_bytes:
                return None
    except httpx.DecodingError:
        return None
    return bytes(body)
