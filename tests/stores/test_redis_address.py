"""What a RedisStore makes of what it is given, before any server is asked."""

from __future__ import annotations

import string
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st

from mcpauthkit import RedisStore, Secret
from mcpauthkit.errors import ConfigurationError
from mcpauthkit.stores.redis.address import parse_address

HOSTS = st.one_of(
    st.from_regex(r"[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?(\.[a-z]{2,5})?", fullmatch=True),
    st.ip_addresses(v=4).map(str),
    st.ip_addresses(v=6).map(str),
)
PORTS = st.integers(1, 65535)
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20)
NAMES = st.from_regex(r"[A-Za-z0-9._-]{1,20}", fullmatch=True)
FAMILIES = st.sampled_from(["redis", "rediss", "redis-sentinel", "rediss-sentinel", "redis-cluster", "rediss-cluster"])


def written(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


@given(FAMILIES, st.lists(st.tuples(HOSTS, PORTS), min_size=1, max_size=4), TEXTS, TEXTS, NAMES)
def test_an_address_says_what_was_written(
    family: str, hosts: list[tuple[str, int]], user: str, password: str, name: str
) -> None:
    hosts = hosts[:1] if family in {"redis", "rediss"} else hosts
    login = f"{quote(user, safe='')}:{quote(password, safe='')}"
    end = f"#{name}" if "sentinel" in family else ""
    address = parse_address(f"{family}://{login}@{','.join(written(*one) for one in hosts)}/0{end}")
    assert address.hosts == tuple(hosts)
    assert address.options["username"] == user
    assert address.options["password"] == password
    assert address.service == (name if end else "")
    assert address.is_tls == family.startswith("rediss")
    assert address.shown.startswith(f"{family}://{written(*hosts[0])}")
    assert address.shown.partition("#")[0].endswith("/0")


@given(st.text(max_size=60))
def test_what_is_no_address_is_refused_in_our_words(text: str) -> None:
    refused = None
    try:
        parse_address(text)
    except ConfigurationError as error:
        refused = error
    assert refused is None or (refused.hint and refused.__context__ is None)


@given(
    st.sampled_from(["redis", "rediss", "unix", "redis-sentinel", "redis-cluster", "http", ""]),
    # A socket file's path begins at the first slash, and may be called anything.
    st.text(string.printable.replace("/", ""), max_size=15),
    st.text(string.printable, max_size=15),
    st.text(string.printable, max_size=15),
)
def test_a_password_is_never_shown_however_wrong_the_rest_is(scheme: str, user: str, password: str, end: str) -> None:
    try:
        shown = repr(RedisStore(f"{scheme}://{user}:canary{password}@host{end}"))
    except ConfigurationError as error:
        shown = f"{error} {error.for_log()} {error.__context__}"
    assert "canary" not in shown


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost:6379",
        "http://localhost",
        "redis://",
        "redis://host:port",
        "redis://host:0",
        "redis://host:70000",
        "redis://user:pass#word@host",
        "redis://one,two",
        "redis://host/name",
        "redis://host/0#name",
        "redis://host?socket_timeout=soon",
        "redis://host?no_such_option=1",
        "redis://host?retry=3",
        "rediss://host?ssl_ca_certs=/no/such/file",
        "rediss://host?ssl_cert_reqs=perhaps",
        "unix://",
        "redis-sentinel://host",
        "redis-sentinel://user:12#canary@host/0#name",
        "redis-sentinel://one,,two#name",
        "redis-cluster://host/1",
        "redis-cluster://host#name",
        "redis-cluster://host?no_such_option=1",
    ],
)
def test_a_url_that_cannot_be_is_refused_at_once_with_the_fix(url: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        RedisStore(url)
    assert refused.value.hint
    assert refused.value.__cause__ is None
    assert refused.value.__context__ is None


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://me:canary@host/2", "redis://host:6379/2"),
        ("rediss://:canary@[::1]:7000", "rediss://[::1]:7000"),
        ("unix://me@/run/redis.sock?password=canary", "unix:///run/redis.sock"),
        (
            "redis-sentinel://me:canary@one,two:7/0?sentinel_password=canary#boss",
            "redis-sentinel://one:26379,two:7/0#boss",
        ),
        ("redis-cluster://:canary@127.0.0.1,127.0.0.2:7001", "redis-cluster://127.0.0.1:6379,127.0.0.2:7001"),
    ],
)
def test_a_store_shows_where_it_keeps_things_and_no_password(url: str, shown: str) -> None:
    for given_as in (url, Secret(url)):
        assert repr(RedisStore(given_as, key_prefix="app:")) == f"RedisStore({shown}, key_prefix='app:')"


@pytest.mark.parametrize("client", [None, 7, redis.Redis(), object()])
def test_what_is_no_asynchronous_client_is_refused(client: object) -> None:
    with pytest.raises(ConfigurationError):
        RedisStore(client)


def test_bounds_that_bound_nothing_are_refused() -> None:
    for wrong in ({"max_connections": 0}, {"timeout_seconds": 0}, {"timeout_seconds": float("nan")}):
        with pytest.raises(ConfigurationError):
            RedisStore("redis://host", **wrong)


def test_without_redis_py_the_kit_works_and_the_store_says_what_to_install(tmp_path: Path) -> None:
    program = """
import sys
sys.modules["redis"] = None
import mcpauthkit
try:
    mcpauthkit.RedisStore("redis://host")
except mcpauthkit.errors.ConfigurationError as error:
    sys.stdout.write(error.hint)
"""
    done = subprocess.run(  # noqa: S603  # our own interpreter and our own program
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60, cwd=tmp_path
    )
    assert done.stderr == ""
    assert 'pip install "mcpauthkit[redis]"' in done.stdout
