"""The form grant: credentials that the user types, tried at the service before anything is kept."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta

import anyio

from mcpauthkit.connections.credential import Account, Credential
from mcpauthkit.connections.form import EXPIRY, Checked, Form, Validate
from mcpauthkit.connections.quoting import repeats_any
from mcpauthkit.core.application_code import check_async_function, place_of
from mcpauthkit.core.clock import Clock, SystemClock
from mcpauthkit.core.log import RequestLog
from mcpauthkit.core.secret import Secret
from mcpauthkit.errors import ConfigurationError, CredentialsRejected, GrantRefused, RemoteError, RemoteUnavailable

_log = RequestLog("connections")
_ENDED = "This has expired already. Make a new one."
_MAX_MESSAGE_LENGTH = 500


class FormGrant:
    """A grant for which the user fills in a form.

    Args:
        service: The service's name in links.
        display_name: The service's name for people.
        form: What is asked.
        validate: Tries the values at the service; without one, whatever fits the form is kept.
        check: Raises `CredentialsRejected` for values that must not even be tried.
        timeout_seconds: How long that may take.
        close: Closes what `validate` opened.
        clock: Time.

    Raises:
        ConfigurationError: `validate` is no async function of one argument.
    """

    def __init__(
        self,
        service: str,
        display_name: str,
        form: Form,
        validate: Validate | None = None,
        *,
        check: Callable[[Mapping[str, str]], None] | None = None,
        timeout_seconds: float = 15.0,
        close: Callable[[], Awaitable[None]] | None = None,
        clock: Clock | None = None,
    ) -> None:
        if validate is not None:
            check_async_function(validate, "validate", example="async def validate(values): ...")
        self.service = service
        self.display_name = display_name
        self.form = form
        self._validate = validate
        self._refuse = check
        self._timeout = timeout_seconds
        self._close = close
        self._clock = clock or SystemClock()

    async def fill(self, values: Mapping[str, str]) -> Credential:
        """The credential of checked values, once the service has taken them.

        Args:
            values: What `Form.check` gave, without problems.

        Raises:
            CredentialsRejected: They do not work; its text says what the user can do.
            RemoteUnavailable: That could not be found out now.
        """
        typed = {name: value for name, value in values.items() if name != EXPIRY.name}
        checked = await self._validated(typed)
        now = self._clock.wall()
        expires_at, asked = checked.expires_at, values.get(EXPIRY.name, "")
        if expires_at is None and asked:
            expires_at = _end_of_day(asked)
        if expires_at is not None and not expires_at > now:
            raise CredentialsRejected(_ENDED, field=EXPIRY.name if checked.expires_at is None else "")
        return Credential(
            values={name: Secret(value) for name, value in typed.items()},
            scopes=checked.scopes,
            expires_at=expires_at,
            obtained_at=now,
            connected_at=now,
            account=checked.account or Account(),
        )

    async def renew(self, credential: Credential) -> Credential:  # noqa: ARG002  # the port's
        """Nothing renews what was typed.

        Raises:
            GrantRefused: Always.
        """
        raise GrantRefused("invalid_grant", reason="nothing renews what a user typed")

    async def is_taken(self, credential: Credential) -> bool | None:
        """Whether the service still takes what was typed, by trying it again; None when that cannot be found out."""
        if self._validate is None:
            return None
        try:
            await self._validated({name: one.reveal() for name, one in credential.values.items()})
        except CredentialsRejected:
            return False
        except RemoteUnavailable:
            return None
        return True

    async def aclose(self) -> None:
        """Close what the validator opened."""
        if self._close is not None:
            await self._close()

    async def _validated(self, typed: Mapping[str, str]) -> Checked:
        """Run the application's validator; whatever it does, no value gets into a log or a page by it."""
        failure: CredentialsRejected | RemoteUnavailable
        try:
            if self._refuse is not None:
                self._refuse(typed)
            with anyio.fail_after(self._timeout):
                found: object = None if self._validate is None else await self._validate(typed)
        except CredentialsRejected as error:
            failure = CredentialsRejected(self._told(error, typed), field=self._field_of(error))
        except RemoteError as error:
            failure = self._unchecked(self._why(error, typed))
        except ConfigurationError as error:
            failure = self._unchecked(f"the validator raised {place_of(error)} {self._why(error, typed)}")
        except Exception as error:  # noqa: BLE001  # an edge: the application's code, whose errors may quote values
            failure = self._unchecked(f"the validator raised {place_of(error)}")
        else:
            if found is None:
                return Checked()
            if isinstance(found, Checked):
                return found
            failure = self._unchecked(f"the validator returned a {type(found).__name__}, not None or Checked(...)")
        # Raised out here, where no cause that quotes values is attached.
        raise failure

    def _unchecked(self, why: str) -> RemoteUnavailable:
        _log.warning("form values not checked service=%s %s", self.service, why)
        return RemoteUnavailable(f"{self.display_name} could not be asked just now.", reason=why)

    def _why(self, error: RemoteError | ConfigurationError, typed: Mapping[str, str]) -> str:
        why = error.for_log()[:_MAX_MESSAGE_LENGTH]
        is_safe = not repeats_any(why, self._secrets(typed))
        return why if is_safe else f"the validator raised {type(error).__name__} and quotes a secret in it"

    def _field_of(self, error: CredentialsRejected) -> str:
        names = [one.name for one in self.form.fields]
        if error.field in {"", *names}:
            return error.field
        # Not what it says: that may be the value instead of the name.
        _log.warning(
            "validator named a field that its form does not have service=%s fields=%s %s",
            self.service,
            ", ".join(names),
            place_of(error),
        )
        return ""

    def _told(self, error: CredentialsRejected, typed: Mapping[str, str]) -> str:
        told = error.public[:_MAX_MESSAGE_LENGTH]
        if repeats_any(told, self._secrets(typed)):
            _log.error("validator quoted a secret in its message, which is not shown service=%s", self.service)
            return CredentialsRejected.default_public
        return told

    def _secrets(self, typed: Mapping[str, str]) -> set[str]:
        return {typed[one.name] for one in self.form.fields if one.secret and one.name in typed}


def _end_of_day(day: str) -> float:
    # The end, and not the beginning: nothing is taken from the user that may still work.
    return (datetime.fromisoformat(day).replace(tzinfo=UTC) + timedelta(days=1)).timestamp()
