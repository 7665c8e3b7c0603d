"""What the connections page shows, as values. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from mcpauthkit.connections.connection import Connection, Disconnected, Health, Revoked
from mcpauthkit.core.moment import day_in_words, iso_moment, moment
from mcpauthkit.core.urls import is_trustworthy_url

Tone = Literal["good", "bad", ""]
FormName = Literal["connect", "another", "more"]

_HEALTH: Mapping[Health, tuple[Tone, str]] = {
    Health.GOOD: ("good", "Working."),
    Health.EXPIRES_SOON: ("bad", "Ends soon. Reconnect to keep it."),
    Health.EXPIRED: ("bad", "Has ended. Reconnect to use it again."),
    Health.FAILING: ("bad", "{service} did not answer when it was to be renewed. That is tried again by itself."),
    Health.LOST: ("bad", "{service} has ended it. Reconnect to use it again."),
}


@dataclass(frozen=True, slots=True)
class Date:
    """A point in time.

    Args:
        text: For people.
        iso: For programs.
    """

    text: str
    iso: str


@dataclass(frozen=True, slots=True)
class Choice:
    """A permission that can be asked for.

    Args:
        scope: As the service spells it.
        tools: What needs it.
    """

    scope: str
    tools: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a form was not accepted.

    Args:
        service: The service's name in links.
        form: Which of its forms.
        text: What to do about it.
        connection: The name of the connection the form belongs to.
    """

    service: str
    form: FormName
    text: str
    connection: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionView:
    """One connection.

    Args:
        name: What the user calls it.
        title: What it is headed with.
        label: What buttons call it besides the service; empty where there is only one.
        account: Whose account at the service it is.
        tenant: The workspace, site or organisation.
        scopes: What it permits.
        missing: What it could permit besides.
        health: How it is doing.
        tone: Whether that is good.
        connected: When the user connected.
        used: When it was last used.
        expires: When it ends, unless renewed.
        renews_itself: Whether it goes on without the user.
        is_default: Whether tools that name no account use it.
    """

    name: str
    title: str
    label: str
    account: str
    tenant: str
    scopes: tuple[str, ...]
    missing: tuple[Choice, ...]
    health: str
    tone: Tone
    connected: Date | None
    used: Date | None
    expires: Date | None
    renews_itself: bool
    is_default: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceView:
    """One service and the user's connections with it.

    Args:
        name: Its name in links.
        display_name: Its name for people.
        connections: The connections.
        choices: What can be asked for when connecting.
    """

    name: str
    display_name: str
    connections: tuple[ConnectionView, ...]
    choices: tuple[Choice, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What has just happened.

    Args:
        lines: In words.
        tone: Whether that is good.
        link: Where to go on, if somewhere.
        link_text: What is there.
    """

    lines: tuple[str, ...]
    tone: Tone = ""
    link: str = ""
    link_text: str = ""


def date_of(seconds: float | None) -> Date | None:
    """A wall time as people and programs read it, or None where there is none."""
    found, iso = moment(seconds), iso_moment(seconds)
    if found is None or iso is None:
        return None
    return Date(f"{day_in_words(found)}, {found:%H:%M} UTC", iso)


def choices_of(known: Mapping[str, tuple[str, ...]], scopes: Iterable[str]) -> tuple[Choice, ...]:
    """Permissions with what needs each."""
    return tuple(Choice(scope, known.get(scope, ())) for scope in scopes)


def connection_view(connection: Connection, *, missing: tuple[Choice, ...], is_only: bool) -> ConnectionView:
    """One connection as the page shows it.

    Args:
        connection: The connection.
        missing: What it could permit besides.
        is_only: Whether the user has no other with this service.
    """
    account = connection.account.label or connection.account.id
    title = connection.name or account or f"Your {connection.display_name} account"
    tone, words = _HEALTH[connection.health]
    return ConnectionView(
        name=connection.name,
        title=title,
        label="" if is_only else (connection.name or account or "without a name"),
        account=account,
        tenant=connection.account.tenant,
        scopes=connection.scopes,
        missing=missing,
        health=words.format(service=connection.display_name),
        tone=tone,
        connected=date_of(connection.connected_at),
        used=date_of(connection.last_used_at),
        expires=date_of(connection.expires_at),
        renews_itself=connection.renews_itself,
        is_default=connection.is_default,
    )


def notice_of(ended: Sequence[Disconnected], *, service: str, settings_url: str) -> Notice:
    """What became of connections that were ended; honest about what the service said.

    Args:
        ended: The connections; none where the service had ended it before.
        service: The service's name for people.
        settings_url: Where the service's users withdraw access themselves, if known.
    """
    if not ended:
        return Notice(lines=(f"{service} is disconnected: nothing was left of it.",), tone="good")
    is_done = all(one.revoked is Revoked.YES for one in ended)
    link = settings_url if not is_done and is_trustworthy_url(settings_url) else ""
    return Notice(
        lines=tuple(line for one in ended for line in _told(one)),
        tone="good" if is_done else "bad",
        link=link,
        link_text=f"Your settings at {service}" if link else "",
    )


def _told(one: Disconnected) -> tuple[str, ...]:
    service = one.connection.display_name
    label = one.connection.name or one.connection.account.label
    what = f"{service} ({label})" if label else service
    gone = f"{what} is disconnected: nothing is kept of it here."
    if one.revoked is Revoked.YES:
        return gone, f"Revoked at {service}: yes."
    why = (
        f"{service} was asked to end the access and did not confirm it."
        if one.revoked is Revoked.NO
        else f"{service} offers no way to end the access from here."
    )
    return gone, f"Revoked at {service}: {one.revoked.value}. {why} To be sure, end it in your settings at {service}."
