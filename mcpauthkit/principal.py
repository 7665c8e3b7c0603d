"""Who is calling."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any, NoReturn

from mcpauthkit.core.audit import Actor
from mcpauthkit.core.encoding import sha256_hex
from mcpauthkit.errors import NotSignedIn

_DIGEST = "_digest"
_LOG_LENGTH = 12


class Principal(Mapping[str, Any]):
    """The verified caller: a read-only mapping over the token's claims, with the common ones typed.

    `user["sub"]` and `user.get("email")` read claims; `user.email` does too and is None when the claim is
    absent. The typed fields below win over claims of the same name. A principal is identified by
    **(issuer, subject)**: a subject alone may exist at two issuers.

    Args:
        claims: Every claim of the verified token.
        issuer: The `iss` claim, byte for byte.
        subject: The `sub` claim.
        client_id: The OAuth client that obtained the token, when the token says so.
        scopes: Granted scopes.
        roles: Roles the issuer asserts.
        audience: The `aud` claim as a tuple.
        issued_at: `iat`, seconds since the epoch, or None.
        expires_at: `exp`, seconds since the epoch; None for a credential without an end of its own, such as an API key.
        ip_address: The peer's address as the server saw it; on `current_user` only, as is the next.
        user_agent: The request's User-Agent.
        extra: Values of the application's own, which `on_authenticate=` of the middleware fills.
    """

    claims: MappingProxyType[str, Any]
    issuer: str
    subject: str
    client_id: str | None
    scopes: frozenset[str]
    roles: frozenset[str]
    audience: tuple[str, ...]
    issued_at: float | None
    expires_at: float | None
    ip_address: str | None
    user_agent: str | None
    extra: dict[str, Any]

    def __init__(
        self,
        claims: Mapping[str, Any],
        *,
        issuer: str,
        subject: str,
        expires_at: float | None,
        client_id: str | None = None,
        scopes: frozenset[str] = frozenset(),
        roles: frozenset[str] = frozenset(),
        audience: tuple[str, ...] = (),
        issued_at: float | None = None,
        ip_address: str | None = None,
        user_agent: str | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        vars(self).update(
            # Read-only here too: the same claims serve the token's later requests.
            claims=claims if isinstance(claims, MappingProxyType) else MappingProxyType(dict(claims)),
            issuer=issuer,
            subject=subject,
            client_id=client_id,
            scopes=scopes,
            roles=roles,
            audience=audience,
            issued_at=issued_at,
            expires_at=expires_at,
            ip_address=ip_address,
            user_agent=user_agent,
            extra=dict(extra) if extra else {},
        )

    @classmethod
    def bare(cls, issuer: str, subject: str) -> Principal:
        """An identity without a token: for pages and records, where only who it is counts."""
        return cls({}, issuer=issuer, subject=subject, expires_at=None)

    @property
    def key(self) -> tuple[str, str]:
        """(issuer, subject): the identity everything is stored and compared by."""
        return self.issuer, self.subject

    @property
    def digest(self) -> str:
        """A short digest of the identity for logs; not reversible to the subject."""
        return identity_digest_of(self)[:_LOG_LENGTH]

    def has_role(self, role: str) -> bool:
        """Whether the issuer asserts this role."""
        return role in self.roles

    def has_any_role(self, role: str, *more: str) -> bool:
        """Whether it asserts one of these roles."""
        return not self.roles.isdisjoint((role, *more))

    def has_all_roles(self, role: str, *more: str) -> bool:
        """Whether it asserts all of these roles."""
        return self.roles.issuperset((role, *more))

    def has_scope(self, scope: str) -> bool:
        """Whether this scope is granted."""
        return scope in self.scopes

    def has_any_scope(self, scope: str, *more: str) -> bool:
        """Whether one of these scopes is granted."""
        return not self.scopes.isdisjoint((scope, *more))

    def on_request(self, ip_address: str | None, user_agent: str | None) -> Principal:
        """The same principal as seen on one request, with room of its own for `extra`."""
        # Without the constructor: this happens for every request, and everything has been checked.
        seen = object.__new__(Principal)
        fields = vars(seen)
        fields.update(vars(self))
        fields["ip_address"], fields["user_agent"], fields["extra"] = ip_address, user_agent, dict(self.extra)
        return seen

    def __getitem__(self, name: str) -> Any:
        return self.claims[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.claims)

    def __len__(self) -> int:
        return len(self.claims)

    def __getattr__(self, name: str) -> Any:
        # Protocol probes such as __deepcopy__ must see that there is no such method.
        if name.startswith("__"):
            raise AttributeError(name)
        return self.claims.get(name)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"A principal is read-only; {name!r} was not set.")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"A principal is read-only; {name!r} was not removed.")

    def __copy__(self) -> Principal:
        return self

    def __deepcopy__(self, _memo: dict[int, Any]) -> Principal:
        return self

    def __repr__(self) -> str:
        # Claims hold names and addresses of people; they do not belong in a log that prints a principal.
        return f"Principal(issuer={self.issuer!r}, digest={self.digest!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Principal) and self.key == other.key and self.claims == other.claims

    def __hash__(self) -> int:
        return hash(self.key)


def identity_digest(issuer: str, subject: str) -> str:
    """SHA-256 of an identity: what store keys and logs hold instead of a user identifier."""
    return sha256_hex("principal", issuer, subject)


def identity_digest_of(principal: Principal) -> str:
    """`identity_digest` of a principal. A call needs it many times, so it is worked out once and stays with it."""
    fields = vars(principal)
    digest: str | None = fields.get(_DIGEST)
    if digest is None:
        digest = fields[_DIGEST] = identity_digest(*principal.key)
    return digest


def actor_of(principal: Principal | None) -> Actor | None:
    """A principal as the audit trail knows it: by digest; the name is kept only where the trail is told to."""
    if principal is None:
        return None
    named = (principal.claims.get(claim) for claim in ("name", "preferred_username", "email"))
    return Actor(
        digest=identity_digest_of(principal),
        name=next((one for one in named if isinstance(one, str)), principal.subject),
        issuer=principal.issuer,
        client=principal.client_id or "",
    )


def actor_named(issuer: str, subject: str, name: str = "") -> Actor:
    """Somebody of whom only the identity is known, as the audit trail knows them.

    Args:
        issuer: Who vouches for them.
        subject: What it calls them.
        name: What people call them, if known.
    """
    return Actor(digest=identity_digest(issuer, subject), name=name or subject, issuer=issuer)


def log_digest(issuer: str, subject: str) -> str:
    """The short form of an identity's digest, for logs."""
    return identity_digest(issuer, subject)[:_LOG_LENGTH]


current_user: ContextVar[Principal | None] = ContextVar("mcpauthkit_current_user", default=None)
"""The principal of the current request, set by `JwtAuthMiddleware`; None outside of one."""


def get_user() -> Principal:
    """The principal of the current request.

    Raises:
        NotSignedIn: There is none: the path is open, or `JwtAuthMiddleware` is not in front of this code.
    """
    user = current_user.get()
    if user is None:
        raise NotSignedIn(hint="Add JwtAuthMiddleware to the application, and take the path out of open_paths.")
    return user
