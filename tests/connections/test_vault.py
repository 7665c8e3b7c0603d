"""The vault: whose credential is whose, and what a broken record does."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from mcpauthkit.connections.vault import Vault
from mcpauthkit.stores.sealed import SealedStore
from tests.connections.small_world import ALICE, BOB, OTHER_RING, SmallWorld, credential, principal
from tests.stores.content import content_of

if TYPE_CHECKING:
    from mcpauthkit import MemoryStore, Principal

YEAR = 365 * 86_400.0


@pytest.fixture
def here() -> SmallWorld:
    return SmallWorld()


async def only_key(store: MemoryStore, before: set[str]) -> str:
    new = set(await content_of(store)) - before
    assert len(new) == 1
    return new.pop()


async def key_of(here: SmallWorld, who: Principal, service: str = "forge") -> str:
    """The key under which a credential lies."""
    before = set(await content_of(here.memory))
    await here.vault.put(who, service, credential(f"token-of-{who.subject}-at-{service}"))
    return await only_key(here.memory, before)


async def copy(here: SmallWorld, source: str, target: str) -> None:
    value = await here.memory.get(source)
    assert value is not None
    await here.memory.put(target, value, ttl_seconds=None)


async def test_a_credential_is_kept_replaced_and_forgotten(here: SmallWorld) -> None:
    assert await here.vault.get(ALICE, "forge") is None
    await here.vault.put(ALICE, "forge", credential("one"))
    await here.vault.put(ALICE, "forge", credential("two"))
    assert await here.vault.get(ALICE, "forge") == credential("two")
    await here.vault.delete(ALICE, "forge")
    await here.vault.delete(ALICE, "forge")
    assert await here.vault.get(ALICE, "forge") is None
    assert len(here.memory) == 0


async def test_users_services_and_namespaces_are_kept_apart(here: SmallWorld) -> None:
    # A1: "one create_stores() pair for every provider": the Jira tool received the GitHub token.
    await here.vault.put(ALICE, "forge", credential("alices"))
    assert await here.vault.get(BOB, "forge") is None
    assert await here.vault.get(ALICE, "wiki") is None
    other_app = Vault(here.sealed, namespace="other", clock=here.clock)
    assert await other_app.get(ALICE, "forge") is None


async def test_one_subject_at_two_issuers_is_two_people(here: SmallWorld) -> None:
    # L8: the second one read the first one's token.
    twin = principal("alice", issuer="https://other.example")
    await here.vault.put(ALICE, "forge", credential("hers"))
    assert await here.vault.get(twin, "forge") is None
    await here.vault.put(twin, "forge", credential("the other's"))
    assert await here.vault.get(ALICE, "forge") == credential("hers")


async def test_text_moved_between_issuer_and_subject_makes_another_person(here: SmallWorld) -> None:
    one = principal("b/alice", issuer="https://i.example/a")
    other = principal("alice", issuer="https://i.example/a/b")
    assert await key_of(here, one) != await key_of(here, other)


async def test_neither_person_nor_token_can_be_read_in_the_storage(here: SmallWorld) -> None:
    who = principal("alice@corp.example", issuer="https://login.corp.example")
    await here.vault.put(who, "forge", credential("access-canary", refresh="refresh-canary"))
    seen = " ".join(await here.texts())
    for secret in ("alice", "corp.example", "access-canary", "refresh-canary"):
        assert secret not in seen


async def test_a_record_under_another_users_or_services_key_is_not_used(here: SmallWorld) -> None:
    # S1, S1a, S5: all accepted.
    source = await key_of(here, ALICE)
    await copy(here, source, await key_of(here, BOB))
    await copy(here, source, await key_of(here, ALICE, "wiki"))
    assert await here.vault.get(BOB, "forge") is None
    assert await here.vault.get(ALICE, "wiki") is None
    assert await here.vault.get(ALICE, "forge") is not None


async def test_a_record_of_another_namespace_is_not_used(here: SmallWorld) -> None:
    source = await key_of(here, ALICE)
    before = set(await content_of(here.memory))
    other_app = Vault(here.sealed, namespace="other", clock=here.clock)
    await other_app.put(ALICE, "forge", credential("x"))
    target = await only_key(here.memory, before)
    await copy(here, source, target)
    assert await other_app.get(ALICE, "forge") is None


async def test_a_planted_plaintext_record_is_not_used(here: SmallWorld) -> None:
    key = await key_of(here, ALICE)
    for planted in ('{"access_token": "mallorys"}', "", "mk1.a.", "mk1.a.AAAA"):
        await here.memory.put(key, planted, ttl_seconds=None)
        assert await here.vault.get(ALICE, "forge") is None


async def test_an_unreadable_record_stays_and_is_told_once_without_secrets(
    here: SmallWorld, caplog: pytest.LogCaptureFixture
) -> None:
    # S3: a replica with the wrong key wiped users' grants.
    caplog.set_level(logging.DEBUG, "mcpauthkit")
    await here.vault.put(ALICE, "forge", credential())
    before = await content_of(here.memory)
    wrong = Vault(SealedStore(here.memory, OTHER_RING, clock=here.clock), namespace="test", clock=here.clock)
    for _ in range(2):
        assert await wrong.get(ALICE, "forge") is None
        assert [one.name for one in caplog.records] == ["mcpauthkit.audit"]
    assert await content_of(here.memory) == before
    assert await here.vault.get(ALICE, "forge") == credential()
    for secret in ("alice", "issuer.example", "canary", next(iter(before.values()))):
        assert secret not in caplog.text
    assert ALICE.digest in caplog.text


async def test_a_credential_nobody_can_renew_dies_with_its_token(here: SmallWorld) -> None:
    # S2: entries had no lifetime at all.
    await here.hold(seconds=3600, refresh=None)
    here.clock.advance(3599)
    assert await here.vault.get(ALICE, "forge") is not None
    here.clock.advance(1)
    assert await here.vault.get(ALICE, "forge") is None
    assert len(here.memory) == 0


@pytest.mark.parametrize("seconds", [3600.0, None])
async def test_other_credentials_are_kept_for_a_year_and_no_longer(here: SmallWorld, seconds: float | None) -> None:
    await here.hold(seconds=seconds)
    here.clock.advance(YEAR - 1)
    assert await here.vault.get(ALICE, "forge") is not None
    here.clock.advance(1)
    assert await here.vault.get(ALICE, "forge") is None
    assert len(here.memory) == 0


async def test_a_credential_that_is_dead_on_arrival_is_kept_for_a_moment_only(here: SmallWorld) -> None:
    await here.hold(seconds=-100, refresh=None)
    here.clock.advance(2)
    assert len(here.memory) == 0


async def test_a_record_of_another_version_counts_as_absent_and_stays() -> None:
    here = SmallWorld()
    await here.hold()
    (key,) = await content_of(here.memory)
    await here.sealed.put(key, {"token": "of some other shape"}, ttl_seconds=60)
    assert await here.vault.get(ALICE, "forge") is None
    assert list(await content_of(here.memory)) == [key]


async def test_a_credential_is_kept_until_its_refresh_token_ends(here: SmallWorld) -> None:
    now = here.clock.wall()
    held = replace(credential(expires_at=now + 60), refresh_expires_at=now + 900)
    await here.vault.put(ALICE, "forge", held)
    here.clock.advance(899)
    assert await here.vault.get(ALICE, "forge") == held
    here.clock.advance(1)
    assert await here.vault.get(ALICE, "forge") is None
    assert len(here.memory) == 0


async def test_a_list_of_accounts_that_nobody_can_read_any_more_keeps_nobody_from_further_ones(
    here: SmallWorld,
) -> None:
    home, work = credential("home"), replace(credential("work"), name="work")
    await here.vault.put(ALICE, "forge", home)
    await here.vault.put(ALICE, "forge", work)
    async for key in here.memory.list_keys():
        if ":accounts:" in key:
            await here.memory.put(key, "mk1.a.AAAA", ttl_seconds=None)
    assert await here.vault.all(ALICE, "forge") == [home]
    third = replace(credential("third"), name="third")
    await here.vault.put(ALICE, "forge", third)
    assert await here.vault.all(ALICE, "forge") == [home, third]
    await here.vault.clear(ALICE, "forge")
    assert await here.vault.all(ALICE, "forge") == []
