"""Secrets that an external key service wraps, so that the file they stand in is of no use without it."""

from __future__ import annotations

from typing import Protocol

from mcpauthkit.core.encoding import base64url_decode, base64url_encode
from mcpauthkit.core.secret import Secret, same_text
from mcpauthkit.errors import AuthKitError, ConfigurationError, StoreUnavailable


class ExternalKeyService(Protocol):
    """The hook for a key service of yours (KMS, HSM, Vault): it keeps the key that the keys of a file are wrapped with.

    It is asked once per key, when the file is read, so its methods may take their time and are plain functions: rings
    are made before the event loop has work to do. It is not asked per record: every tool call would wait for it,
    fail in its outages and be billed, and the plain keys would lie in this process's memory all the same.

    The `mcpauthkit` command does not know it: rotate such a file with `KeyFile` and `reseal_all` in a program of yours.
    """

    def wrap(self, name: str, secret: Secret) -> bytes:
        """The secret of a key as only the service can read it.

        Args:
            name: The key's name. Bind it to the result, where the service can (encryption context, associated data).
            secret: Its secret.
        """
        ...

    def unwrap(self, name: str, wrapped: bytes) -> Secret:
        """The secret again.

        Args:
            name: The key's name.
            wrapped: What `wrap` returned.
        """
        ...


class Wrapping:
    """Secrets as text that a key service has wrapped.

    Args:
        service: The service.
    """

    def __init__(self, service: ExternalKeyService) -> None:
        self._service = service
        self._kind = type(service).__name__

    def wrap(self, name: str, secret: Secret) -> str:
        """A secret as only the service can read it, in base64url; it is unwrapped again to be sure.

        Raises:
            ConfigurationError: The service refuses, or gives something else back than it got.
            StoreUnavailable: It cannot be reached.
        """
        with _FailureNamed(self._kind, name, "wrap"):
            wrapped = self._service.wrap(name, secret)
        if not isinstance(wrapped, bytes):
            raise ConfigurationError(
                f"The key service {self._kind} wrapped a key as {type(wrapped).__name__}.",
                hint="Let wrap() return bytes.",
            )
        text = base64url_encode(wrapped)
        if not same_text(self.unwrap(name, text).reveal(), secret.reveal()):
            raise ConfigurationError(
                f"The key service {self._kind} unwraps another secret than it wrapped.",
                hint="Nothing was written. Check that wrap() and unwrap() use the same key.",
            )
        return text

    def unwrap(self, name: str, text: str) -> Secret:
        """The secret of what `wrap` returned.

        Raises:
            ConfigurationError: It is no such text, or the service refuses.
            StoreUnavailable: The service cannot be reached.
        """
        try:
            wrapped = base64url_decode(text)
        except ValueError as error:
            raise ConfigurationError(
                f"The wrapped secret of key {name!r:.80} is not base64url.",
                hint="Restore the file it stands in as it was written: without padding or line breaks in it.",
            ) from error
        with _FailureNamed(self._kind, name, "unwrap"):
            secret = self._service.unwrap(name, wrapped)
        if not isinstance(secret, Secret):
            raise ConfigurationError(
                f"The key service {self._kind} unwrapped a key as {type(secret).__name__}.",
                hint="Let unwrap() return a Secret.",
            )
        return secret


class _FailureNamed:
    """Turns whatever a key service raises into an error of ours that names it, without its text."""

    def __init__(self, service: str, key_name: str, what: str) -> None:
        self._service = service
        self._key_name = key_name
        self._what = what

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: type[BaseException] | None, error: BaseException | None, _trace: object) -> None:
        if not isinstance(error, Exception) or isinstance(error, AuthKitError):
            return
        kind = type(error).__name__
        text = f"The key service {self._service} did not {self._what} the key {self._key_name!r:.80} ({kind})."
        if isinstance(error, ConnectionError | TimeoutError):
            raise StoreUnavailable(text, hint="Start again when it can be reached.", reason=kind) from None
        raise ConfigurationError(
            text, hint="Check its address, this server's rights there, and that the file is the one it wrapped."
        ) from None
