"""What our pages and endpoints refuse, on the record: somebody should look at it."""

from __future__ import annotations

from mcpauthkit.core.audit import Actor, Event, EventName, record_refusal


def tell_refused(
    event: EventName, reason: str, *, actor: Actor | None = None, service: str = "", **metadata: str
) -> None:
    """Record a refusal. It stands whether that succeeds or not.

    Args:
        event: What was refused.
        reason: Why, in words of ours.
        actor: Whose browser or token it was, if that is known.
        service: The service it is about.
        **metadata: What else there is to know. Never what was sent.
    """
    record_refusal(
        Event(
            event=event,
            decision="deny",
            actor=actor,
            service=service,
            reason=reason,
            metadata=metadata,
            is_warning=True,
        )
    )
