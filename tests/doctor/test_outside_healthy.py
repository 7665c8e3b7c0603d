"""Nothing is found where nothing is wrong."""

from __future__ import annotations

import pytest
from fastapi import FastAPI

from mcpauthkit import CredentialsProvider, DecryptionKeys
from tests.doctor.healthy import RING, Flavour, Healthy, Mode, Parts, assemble, assemble_with_kit, healthy

modes = pytest.mark.parametrize("mode", ["direct", "proxy"])
flavours = pytest.mark.parametrize("flavour", ["fastmcp", "mcpserver"])
ways = pytest.mark.parametrize("served", [False, True], ids=["in process", "over the network"])


async def expect_nothing(world: Healthy) -> None:
    report = await world.report(token=world.token())
    assert report.findings == ()
    assert report.is_healthy(strict=True)
    assert not any(one.code for one in report.journeys)
    assert not {"wire", "token"} & set(report.skipped.values())


@ways
@modes
@flavours
async def test_a_healthy_application_has_no_findings(flavour: Flavour, mode: Mode, *, served: bool) -> None:
    with healthy(mode=mode, flavour=flavour, served=served) as world:
        await expect_nothing(world)


@modes
@flavours
async def test_one_that_the_kit_put_together_has_none_either(flavour: Flavour, mode: Mode) -> None:
    with healthy(mode=mode, flavour=flavour, build=assemble_with_kit) as world:
        await expect_nothing(world)


@modes
async def test_one_with_encrypted_tokens_has_none_either(mode: Mode) -> None:
    keys = DecryptionKeys.generate("P-256")
    with healthy(mode=mode, middleware={"decryption_keys": keys, "encrypted_only": True}) as world:
        world.issuer.encrypt_to(keys.public_jwks(), ("ECDH-ES+A256KW", "A256GCM"))
        await expect_nothing(world)


def assemble_with_form(parts: Parts) -> FastAPI:
    app = assemble(parts)
    wiki = CredentialsProvider.from_preset(
        "jira-cloud", server_base_url=parts.base_url, store=parts.store, key_ring=RING
    )
    wiki.register(app)
    return app


async def test_one_whose_users_also_type_in_keys_has_none_either() -> None:
    with healthy(build=assemble_with_form) as world:
        await expect_nothing(world)


async def test_an_issuer_with_a_path_is_healthy() -> None:
    with healthy(issuer={"path": "/realms/dev"}) as world:
        await expect_nothing(world)
