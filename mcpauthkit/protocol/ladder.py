"""How a user is asked: one rung of a ladder, chosen by era and declared capability, never by a caught exception."""

from __future__ import annotations

from enum import StrEnum

from mcpauthkit.protocol.call import Call


class Rung(StrEnum):
    """The ways of asking."""

    ROUNDS = "input-required rounds"
    """Modern: the call ends with a question and is repeated with the answer."""

    BLOCKING = "blocking elicitation"
    """Legacy with a back-channel: the question is asked while the call waits."""

    URL_ERROR = "error -32042"
    """Legacy without one, or when asked to fail fast: the error carries the link."""

    LINK = "plain result with the link"
    """Everybody else: a text that a person or a model can act on."""


def choose_rung(call: Call, *, fail_fast: bool) -> Rung:
    """The rung for a call.

    Args:
        call: The call.
        fail_fast: Never hold the call. Modern clients have no error for it, so they get the link as text.
    """
    if not call.declares_url_mode or call.in_background:
        return Rung.LINK
    if call.is_modern:
        return Rung.LINK if fail_fast else Rung.ROUNDS
    if call.has_back_channel and not fail_fast:
        return Rung.BLOCKING
    return Rung.URL_ERROR if call.can_raise_url_error else Rung.LINK
