"""Guards combined: three values, and denials that name everything there is to do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpauthkit.access.guard import denied_by
from mcpauthkit.errors import ConfigurationError
from mcpauthkit.guards import AllOf, AnyOf, Guard, GuardLike, HasAllScopes, HasRole, HasScope, Not, RequireAuth
from tests.access.callers import call_of, someone


class Fixed(Guard):
    """Answers what it was made for; None stands for a failure."""

    def __init__(self, answer: bool | None) -> None:
        self.answer = answer

    async def check(self, _request: Any) -> bool:
        if self.answer is None:
            raise OSError
        return self.answer


class Plain:
    def check(self, request: Any) -> bool:
        return "plain" in request.principal.roles


YES, NO, UNKNOWN = Fixed(answer=True), Fixed(answer=False), Fixed(answer=None)


async def value_of(guard: Guard) -> bool | None:
    return (await guard.judge(call_of(someone()))).is_met


@pytest.mark.parametrize(
    ("guard", "value"),
    [
        (YES & YES, True),
        (YES & NO, False),
        (YES & UNKNOWN, None),
        (NO & UNKNOWN, False),
        (UNKNOWN & NO, False),
        (YES | NO, True),
        (UNKNOWN | YES, True),
        (NO | NO, False),
        (NO | UNKNOWN, None),
        (~NO, True),
        (~YES, False),
        (~UNKNOWN, None),
        (~(NO | UNKNOWN), None),
        (~(NO & UNKNOWN), True),
        (~~YES, True),
    ],
)
async def test_what_cannot_be_evaluated_stays_so_under_every_combination(guard: Guard, value: bool | None) -> None:
    assert await value_of(guard) is value
    assert guard.check is not None
    found: Any = guard.check(call_of(someone()))
    assert await found is (value is True)


TREES = st.recursive(
    st.sampled_from([YES, NO, UNKNOWN]),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: AllOf(*parts)),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: AnyOf(*parts)),
        inner.map(Not),
    ),
    max_leaves=8,
)


def with_answer(guard: Any, answer: bool) -> Guard:
    """The same tree with every failing check answering something instead."""
    match guard:
        case AllOf():
            return AllOf(*(with_answer(one, answer) for one in guard.guards))
        case AnyOf():
            return AnyOf(*(with_answer(one, answer) for one in guard.guards))
        case Not():
            return Not(with_answer(guard.guard, answer))
        case _:
            return Fixed(answer=answer) if guard.answer is None else guard


@given(tree=TREES)
async def test_a_failing_check_never_opens_what_its_answer_would_have_closed(tree: Guard) -> None:
    passed = await value_of(tree)
    answers = {await value_of(with_answer(tree, answer)) for answer in (True, False)}
    if passed is not None:
        assert answers == {passed}


@given(tree=TREES)
async def test_whoever_is_denied_is_told_something_and_whoever_passes_nothing(tree: Guard) -> None:
    verdict = await tree.judge(call_of(someone()))
    assert (verdict.is_met is True) == (verdict.denial == "")


async def said(guard: GuardLike, principal: Any) -> str | None:
    return await denied_by([guard], call_of(principal))


async def test_all_of_names_every_part_that_is_missing_and_none_that_is_there() -> None:
    guard = RequireAuth() & HasRole("admin") & HasAllScopes("read", "write") & HasScope("mail")
    assert await said(guard, someone(roles=["viewer"], scopes=["read", "mail"])) == (
        "Requires any of roles [admin], but client has [viewer]; and: "
        "Requires all scopes [read, write], client has [mail, read], missing [write]"
    )
    assert await said(guard, someone(roles=["admin"], scopes=["read", "write", "mail"])) is None


async def test_any_of_names_everything_that_would_do() -> None:
    guard = HasRole("admin") | HasScope("reports")
    assert await said(guard, someone(roles=["viewer"])) == (
        "Requires any of roles [admin], but client has [viewer]; or: "
        "Requires any of scopes [reports], but client has [(none)]"
    )
    assert await said(guard, someone(scopes=["reports"])) is None


async def test_denials_in_denials_stay_readable() -> None:
    guard = (HasRole("a") | HasRole("b")) & HasScope("c")
    assert await said(guard, someone()) == (
        "(Requires any of roles [a], but client has [(none)]; or: "
        "Requires any of roles [b], but client has [(none)]); and: "
        "Requires any of scopes [c], but client has [(none)]"
    )


async def test_not_says_what_it_forbids() -> None:
    assert await said(~HasRole("contractor"), someone(roles=["contractor"])) == (
        "Not allowed with any of roles [contractor]"
    )
    assert await said(Not(HasRole("a") & ~HasScope("b")), someone(roles=["a"])) == (
        "Not allowed with (any of roles [a] and not any of scopes [b])"
    )
    assert (
        await said(Not(HasRole("a") | Plain()), someone(roles=["a"])) == "Not allowed with (any of roles [a] or Plain)"
    )
    assert await said(~HasRole("contractor"), someone()) is None


async def test_nobody_passes_no_negation() -> None:
    # Of nobody it is not known which roles they have, so "not a contractor" cannot be said either.
    for guard in (~HasRole("contractor"), ~~RequireAuth(), ~RequireAuth(), ~(HasRole("a") | ~HasRole("b"))):
        assert await said(guard, None) == "Requires authentication: sign in, and call again with the access token"


async def test_a_guard_that_is_no_subclass_combines_as_well() -> None:
    for guard in (HasRole("admin") & Plain(), Plain() & HasRole("admin")):
        assert await said(guard, someone(roles=["admin", "plain"])) is None
        assert await said(guard, someone(roles=["admin"])) == "This needs a permission that you do not have."
    for guard in (HasRole("admin") | Plain(), Plain() | HasRole("admin")):
        assert await said(guard, someone(roles=["plain"])) is None


async def test_asked_directly_a_combination_tells_of_all_its_parts() -> None:
    request = call_of(someone())
    both = "Requires any of roles [a], but client has [(none)]; {}: Requires any of roles [b], but client has [(none)]"
    assert (HasRole("a") & HasRole("b")).describe_denial(request) == both.format("and")
    assert (HasRole("a") | HasRole("b")).describe_denial(request) == both.format("or")


def test_the_words_and_or_and_not_are_refused_instead_of_dropping_a_guard() -> None:
    a: Any = HasRole("a")
    b: Any = HasRole("b")
    combinations: list[Callable[[], Any]] = [lambda: a and b, lambda: a or b, lambda: not a]
    for combine in combinations:
        with pytest.raises(ConfigurationError) as refused:
            combine()
        assert "&, | and ~" in refused.value.hint


@pytest.mark.parametrize("combine", [AllOf, AnyOf, Not])
@pytest.mark.parametrize("wrong", [HasRole, "admin", None, 7, lambda _request: True])
def test_what_is_no_guard_is_refused_with_the_fix(combine: Any, wrong: Any) -> None:
    with pytest.raises(ConfigurationError) as refused:
        combine(wrong)
    assert refused.value.hint


@pytest.mark.parametrize("combine", [AllOf, AnyOf])
def test_a_combination_of_nothing_is_refused(combine: Any) -> None:
    # "All of nothing" is met by everybody.
    with pytest.raises(ConfigurationError):
        combine()
