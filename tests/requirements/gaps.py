"""Requirements that are not met, or only in part, and what the kit does instead."""

from __future__ import annotations

from tests.requirements.row import BOTH, NEW, NONE, OLD, Gap

UNMET: tuple[Gap, ...] = (
    Gap(
        "proxy-refresh-rotation",
        BOTH,
        "authorization, token theft; RFC 9700 section 2.2.2",
        "Refresh tokens of public clients rotate, so that the second use of a copy is noticed.",
        "The proxy keeps nothing, so it leaves this to the issuer. Where that does not rotate, as many do not by "
        "default, an old refresh token of ours stays as good as the new one.",
    ),
    Gap(
        "proxy-confidential",
        BOTH,
        "authorization, overview",
        "The authorization server serves confidential clients as well as public ones.",
        "Every client of the proxy is public: one that registers for a secret gets none, one that shows a secret is "
        "refused, and a document that wants private_key_jwt is not accepted.",
    ),
    Gap(
        "proxy-redirect-schemes",
        BOTH,
        "authorization, communication security",
        "Redirect addresses are https or on this machine.",
        "Private schemes of installed apps are accepted as in RFC 8252 section 7.1, because apps such as Cursor come "
        "back by them; consent is asked for every time.",
    ),
    Gap(
        "cimd-name",
        BOTH,
        "client id metadata documents",
        "A document without one of the required members is refused; the client's name is one.",
        "A document without client_name is accepted, and the page names the host of its address.",
    ),
    Gap(
        "cimd-bad-copies",
        BOTH,
        "client id metadata document draft, metadata caching",
        "Neither an error nor a document that is not in order is kept.",
        "A failure, or a document that is not in order, is not asked for again for a minute: strangers choose the "
        "addresses.",
    ),
    Gap(
        "rfc7009-access-token",
        NONE,
        "RFC 7009 section 2.1",
        "A token is revoked by the client it was issued to.",
        "Access tokens are the issuer's, which knows one client only; whoever holds one may end it under any client's "
        "id.",
    ),
    Gap(
        "elicit-error-code-text",
        OLD,
        "elicitation, error handling",
        "A call that cannot go on before a question is answered ends with error -32042.",
        "Clients that did not declare URL mode, background tasks, and FastMCP servers that register(app, mcp) does not "
        "know get the link in the text of an ordinary refusal, since nobody could show them the question.",
    ),
    Gap(
        "stateless-capability-error",
        NEW,
        "base protocol, per-request protocol fields",
        "A request that cannot be served without a capability its client did not declare ends with error -32021.",
        "A client without URL mode gets the link in the text of an ordinary refusal: its user can open that all the "
        "same, and the next call works.",
    ),
)
