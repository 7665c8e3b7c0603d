"""What stores raise, as one error of ours."""

from __future__ import annotations

from mcpauthkit.core.log import RequestLog
from mcpauthkit.errors import AuthKitError, StoreUnavailable

_log = RequestLog("stores")


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
