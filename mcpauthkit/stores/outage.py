"""What stores raise, as one error of ours."""

from __future__ import annotations

from mcpauthkit.core.log import RequestLog
from mcpauthkit.errors import AuthKitError, StoreUnavailable
from mcpauthkit.stores.port import Checkable, Store

_log = RequestLog("stores")
_NOBODYS_KEY = "mcpauthkit:check"


class OutageTranslated:
    """Turns whatever a store raises into `StoreUnavailable`.

    Stores are other people's code and raise what they like; their texts hold addresses and passwords. They are not kept
    as the cause either: servers log a refused resource with its whole chain. The type stays, in our own log.
    """

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: type[BaseException] | None, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, Exception) and not isinstance(error, AuthKitError):
            _log.error("store failed error=%s", type(error).__name__)
            raise StoreUnavailable(reason=type(error).__name__) from None


async def check_reached(store: Store) -> None:
    """Use a store once; one that has no check of its own is asked for a key of nobody's.

    Args:
        store: The store.

    Raises:
        ConfigurationError: It answers and refuses, until an operator changes something.
        StoreUnavailable: It cannot be used at the moment.
    """
    with OutageTranslated():
        if isinstance(store, Checkable):
            await store.check_access()
        else:
            await store.get(_NOBODYS_KEY)
