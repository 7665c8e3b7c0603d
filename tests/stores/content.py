"""What somebody finds who gets hold of a store."""

from __future__ import annotations

from mcpauthkit import MemoryStore


async def content_of(store: MemoryStore) -> dict[str, str]:
    """Every value that is alive, by its key, in the order in which they came."""
    found = {key: await store.get(key) async for key in store.list_keys()}
    return {key: value for key, value in found.items() if value is not None}


async def texts_of(store: MemoryStore) -> list[str]:
    """All keys and values."""
    return [text for entry in (await content_of(store)).items() for text in entry]
