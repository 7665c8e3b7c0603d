"""Reading the query of addresses that come from outside."""

from __future__ import annotations

from starlette.datastructures import QueryParams


def is_ambiguous(query: QueryParams) -> bool:
    """Whether a parameter stands there twice, which no honest answer does (RFC 6749 section 3.1).

    Readers differ in which one counts, so one check could see another value than the next.
    """
    return len(query.keys()) != len(query.multi_items())


def only_value(query: QueryParams, name: str) -> str:
    """The value of a parameter; empty when it is missing or stands there twice."""
    values = query.getlist(name)
    return values[0] if len(values) == 1 else ""
