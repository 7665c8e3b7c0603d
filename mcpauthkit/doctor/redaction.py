"""Keeping secrets out of findings, which end in terminals, build logs and code scanning pages."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from mcpauthkit.core.secret import Secret
from mcpauthkit.doctor.finding import Finding

_HIDDEN = "***"
_LONGEST = 600
_LEAST_SECRET = 6
# What looks like a token or a password in an address is one, whoever wrote it there.
_TOKEN = re.compile(r"eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*){2,4}")
_USER_INFO = re.compile(r"(?<=://)[^/\s]*@")
_SENSITIVE = re.compile(
    r"(?i)\b((?:client_|api_?)?secret|password|code|state|flow|(?:access_|refresh_|id_)?token|assertion)=[^&\s\"',]+"
)


class Redaction:
    """Takes known secrets and what looks like one out of findings.

    Args:
        secrets: Those that the examination knows.
    """

    def __init__(self, secrets: Iterable[Secret] = ()) -> None:
        known = {one.reveal() for one in secrets}
        # The longest first: one may be part of another.
        self._known = sorted((one for one in known if len(one) >= _LEAST_SECRET), key=len, reverse=True)

    def finding(self, finding: Finding) -> Finding:
        """The finding without secrets, control characters and texts without end."""
        return replace(
            finding,
            cause=self.text(finding.cause),
            evidence=self.text(finding.evidence),
            fix=self.text(finding.fix),
            place=self.text(finding.place),
        )

    def text(self, text: str) -> str:
        """The text without them."""
        for secret in self._known:
            text = text.replace(secret, _HIDDEN)
        text = _TOKEN.sub(_HIDDEN, text)
        text = _USER_INFO.sub(f"{_HIDDEN}@", text)
        text = _SENSITIVE.sub(rf"\1={_HIDDEN}", text)
        # Control characters would write into the terminal of whoever examines a server that is not theirs.
        text = "".join(one if one.isprintable() else " " for one in text)
        return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} ..."
