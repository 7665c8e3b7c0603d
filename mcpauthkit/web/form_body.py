"""Reading forms of ours: small, url-encoded, and no further than allowed."""

from __future__ import annotations

from urllib.parse import parse_qsl

from starlette.datastructures import ImmutableMultiDict
from starlette.requests import Request

Form = ImmutableMultiDict[str, str]
"""The fields of a form, of which some may come several times."""


MAX_FORM_BYTES = 64 * 1024
_MAX_FIELDS = 500


class FormTooLarge(Exception):
    """More was sent than a form of ours holds."""


async def read_form(request: Request, *, max_bytes: int = MAX_FORM_BYTES) -> Form:
    """The fields of a POST; none where the body is no form.

    Args:
        request: The request.
        max_bytes: What its body may come to.

    Raises:
        FormTooLarge: It is larger.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > max_bytes:
            raise FormTooLarge
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MAX_FIELDS)
    except ValueError:
        return ImmutableMultiDict()
    return ImmutableMultiDict(pairs)
