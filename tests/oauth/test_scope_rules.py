"""What a granted scope permits besides its own name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpauthkit.connections.presets import PRESETS
from mcpauthkit.errors import ConfigurationError
from mcpauthkit.oauth.scope_rules import ScopeRules

NAMES = st.sampled_from(["a", "b", "c", "d", "e", "f", "A", "x/a", "x/b", "all", "m.w.all", "m.r", "m.w"])
LISTS = st.lists(NAMES, max_size=6)


@st.composite
def rules(draw: st.DrawFn) -> ScopeRules:
    """Any rules at all, cycles included."""
    return ScopeRules(
        implied=draw(st.dictionaries(NAMES, st.lists(NAMES, max_size=3).map(tuple), max_size=6)),
        aliases=draw(st.dictionaries(st.sampled_from(["a", "b"]), st.sampled_from(["c", "d"]), max_size=2)),
        prefixes=draw(st.sampled_from([(), ("x/",)])),
        ignores_case=draw(st.booleans()),
        covers_all=draw(st.sampled_from([frozenset(), frozenset({"all"})])),
        without=draw(st.sampled_from([frozenset(), frozenset({"f"})])),
        endings=draw(st.sampled_from([{}, {".all": ("",), ".w": (".r",), ".w.all": (".r.all",)}, {"a": ("b",)}])),
        in_words=draw(st.booleans()),
    )


CHAIN = ScopeRules(implied={"top": ("middle",), "middle": ("bottom", "side")})


def test_without_rules_a_scope_permits_its_own_name_only() -> None:
    assert ScopeRules().missing(["read", "write"], ["write"]) == ("read",)


def test_nothing_wanted_is_never_missing() -> None:
    assert ScopeRules().missing([], []) == ()


def test_what_is_missing_keeps_its_order_and_stands_once() -> None:
    assert ScopeRules().missing(["c", "a", "b", "a", "c"], ["b"]) == ("c", "a")


def test_what_is_missing_keeps_the_spelling_of_whoever_wants_it() -> None:
    assert ScopeRules(ignores_case=True, prefixes=("x/",)).missing(["X", "x/Mail.Read"], []) == ("X", "x/Mail.Read")


def test_implications_reach_through_others() -> None:
    assert CHAIN.missing(["bottom", "side", "middle", "top"], ["top"]) == ()


def test_implications_do_not_reach_upwards_or_sideways() -> None:
    assert CHAIN.missing(["top", "middle", "side"], ["bottom"]) == ("top", "middle", "side")


def test_rules_that_run_in_circles_come_to_an_end() -> None:
    circle = ScopeRules(implied={"a": ("b",), "b": ("c",), "c": ("a", "c")})
    assert circle.missing(["a", "b", "c", "d"], ["b"]) == ("d",)


def test_aliases_are_one_scope_in_either_direction() -> None:
    same = ScopeRules(aliases={"userinfo.email": "email"}, prefixes=("https://auth.example/",))
    assert same.missing(["email"], ["https://auth.example/userinfo.email"]) == ()
    assert same.missing(["https://auth.example/userinfo.email"], ["email"]) == ()


def test_implications_may_be_written_in_any_spelling() -> None:
    written = ScopeRules(implied={"Mail.ReadWrite": ("MAIL.READ",)}, ignores_case=True)
    assert written.missing(["mail.read"], ["mail.readwrite"]) == ()


def test_what_never_shows_among_the_granted_is_never_missing() -> None:
    rules = ScopeRules(untold=frozenset({"offline_access"}), ignores_case=True)
    assert rules.missing(["Offline_Access", "mail.read"], []) == ("mail.read",)


def test_case_counts_unless_a_service_says_otherwise() -> None:
    assert ScopeRules().missing(["Read"], ["read"]) == ("Read",)


def test_a_scope_that_covers_everything_leaves_out_what_is_to_be_asked_for_by_name() -> None:
    full = ScopeRules(covers_all=frozenset({"full"}), without=frozenset({"refresh_token"}))
    assert full.missing(["api", "web", "refresh_token"], ["full"]) == ("refresh_token",)
    assert full.missing(["refresh_token"], ["full", "refresh_token"]) == ()


def test_a_scope_may_cover_everything_by_implication() -> None:
    owner = ScopeRules(implied={"owner": ("admin",)}, covers_all=frozenset({"admin"}))
    assert owner.missing(["anything"], ["owner"]) == ()


def test_where_the_configuration_of_the_app_decides_nothing_is_missing() -> None:
    assert ScopeRules(in_words=False).missing(["read", "write"], []) == ()


@given(rules(), LISTS, LISTS)
def test_what_was_granted_is_never_missing(one: ScopeRules, wanted: list[str], granted: list[str]) -> None:
    assert not set(one.missing(wanted, granted)) & set(granted)
    assert one.missing(granted, granted) == ()


@given(rules(), LISTS, LISTS, LISTS)
def test_more_grants_never_leave_more_missing(
    one: ScopeRules, wanted: list[str], granted: list[str], more: list[str]
) -> None:
    assert set(one.missing(wanted, granted + more)) <= set(one.missing(wanted, granted))


@given(rules(), LISTS, LISTS)
def test_what_is_missing_is_what_was_wanted_in_its_order(
    one: ScopeRules, wanted: list[str], granted: list[str]
) -> None:
    missing = one.missing(wanted, granted)
    assert list(missing) == [name for name in dict.fromkeys(wanted) if name in missing]


@given(rules(), LISTS, LISTS)
def test_asking_for_what_is_missing_settles_it(one: ScopeRules, wanted: list[str], granted: list[str]) -> None:
    assert one.missing(wanted, [*granted, *one.missing(wanted, granted)]) == ()


@given(rules(), LISTS, LISTS)
def test_each_scope_is_judged_by_itself(one: ScopeRules, wanted: list[str], granted: list[str]) -> None:
    by_itself = [name for name in dict.fromkeys(wanted) if one.missing([name], granted)]
    assert list(one.missing(wanted, granted)) == by_itself


@given(rules(), NAMES, NAMES, NAMES)
def test_covering_is_transitive(one: ScopeRules, high: str, middle: str, low: str) -> None:
    if not one.missing([middle], [high]) and not one.missing([low], [middle]):
        # What nothing covers but itself is the one exception, as `full` of Salesforce is not `refresh_token`.
        assert not one.missing([low], [high]) or one.name(low) in one.without or one.name(middle) in one.without


@given(rules(), LISTS)
def test_what_is_covered_covers_nothing_further(one: ScopeRules, granted: list[str]) -> None:
    reached = one.expanded(granted)
    assert {one.name(name) for name in granted} <= reached


def test_endings_hold_for_whatever_stands_before_them() -> None:
    written = ScopeRules(endings={".Write": (".Read",), ".All": ("",)}, ignores_case=True)
    assert written.missing(["mail.read", "Tasks.Read", "Mail.Write"], ["Mail.Write.All", "tasks.write"]) == ()
    assert written.missing(["mail.read.all", ".read"], ["Mail.Write", ".Write"]) == ("mail.read.all", ".read")


@pytest.mark.parametrize("endings", [{"a": ("aa",)}, {"": ("a",)}])
def test_endings_that_would_never_end_are_refused(endings: dict[str, tuple[str, ...]]) -> None:
    with pytest.raises(ConfigurationError):
        ScopeRules(endings=endings)


GOOGLE = "https://www.googleapis.com/auth/"
GRAPH = "https://graph.microsoft.com/"

# Service, granted, what that covers, what it does not cover.
HIERARCHIES = [
    ("github", "repo", "repo:status repo_deployment public_repo repo:invite security_events", "read:org user"),
    ("github", "public_repo", "public_repo", "repo repo:status"),
    ("github", "admin:repo_hook", "write:repo_hook read:repo_hook", "repo admin:org"),
    ("github", "write:repo_hook", "read:repo_hook", "admin:repo_hook"),
    ("github", "admin:org", "write:org read:org", "repo"),
    ("github", "write:org", "read:org", "admin:org"),
    ("github", "admin:public_key", "write:public_key read:public_key", "admin:gpg_key"),
    ("github", "admin:gpg_key", "write:gpg_key read:gpg_key", "admin:public_key"),
    ("github", "user", "read:user user:email user:follow", "repo"),
    ("github", "read:user", "", "user user:email"),
    ("github", "project", "read:project", "repo"),
    ("github-enterprise", "repo", "public_repo", "admin:org"),
    ("github-app", "", "repo user anything", ""),
    ("google", f"{GOOGLE}drive", f"{GOOGLE}drive.readonly {GOOGLE}drive.file", f"{GOOGLE}calendar"),
    ("google", f"{GOOGLE}drive.file", f"{GOOGLE}drive.file", f"{GOOGLE}drive {GOOGLE}drive.readonly"),
    (
        "google",
        "https://mail.google.com/",
        f"{GOOGLE}gmail.readonly {GOOGLE}gmail.send {GOOGLE}gmail.modify",
        f"{GOOGLE}gmail.settings.sharing {GOOGLE}drive",
    ),
    ("google", f"{GOOGLE}calendar", f"{GOOGLE}calendar.events {GOOGLE}calendar.events.readonly", f"{GOOGLE}drive"),
    ("google", f"openid {GOOGLE}userinfo.email {GOOGLE}userinfo.profile", "openid email profile", f"{GOOGLE}drive"),
    ("gitlab", "api", "read_api read_user read_repository", "sudo"),
    ("gitlab", "api", "write_repository read_registry write_registry", "admin_mode k8s_proxy"),
    ("gitlab", "write_repository", "read_repository", "api read_registry"),
    ("gitlab", "read_api", "read_user", "api read_repository"),
    ("slack", "chat:write", "chat:write", "channels:read"),
    ("atlassian", "write:jira-work", "write:jira-work", "read:jira-work read:issue:jira"),
    ("microsoft", "Mail.ReadWrite", f"Mail.Read mail.read {GRAPH}Mail.Read", "Mail.Send Calendars.Read"),
    ("microsoft", f"{GRAPH}Files.ReadWrite.All", "Files.Read Files.ReadWrite Files.Read.All", "Sites.Read.All"),
    ("microsoft", "Files.Read.All", "Files.Read", "Files.ReadWrite Files.ReadWrite.All"),
    # Whatever the resource: no list of them is ever complete.
    (
        "microsoft",
        "BookingsAppointment.ReadWrite.All",
        "BookingsAppointment.Read.All BookingsAppointment.ReadWrite",
        "",
    ),
    ("microsoft", "Mail.ReadWrite.Shared", "Mail.Read.Shared mail.read.shared", "Mail.Read Mail.Send.Shared"),
    ("microsoft", "chatmessage.readwrite", "ChatMessage.Read", "Chat.Read ChatMessage.Read.All"),
    ("microsoft", "Mail.ReadBasic", "", "Mail.Read"),
    ("notion", "", "anything", ""),
    ("linear", "read write", "issues:create comments:create timeSchedule:create", "admin"),
    ("linear", "admin", "read write issues:create", ""),
    ("linear", "read", "", "write issues:create"),
    ("dropbox", "files.content.write", "files.content.write", "files.content.read"),
    ("bitbucket", "repository:write", "repository", "repository:admin pullrequest"),
    ("bitbucket", "pullrequest:write", "pullrequest repository:write repository", "account"),
    ("bitbucket", "repository:admin", "", "repository repository:write"),
    ("bitbucket", "account:write", "account", "email"),
    ("discord", "identify", "", "guilds email"),
    ("salesforce", "full", "api web chatter_api visualforce", "refresh_token offline_access"),
    ("salesforce", "api", "chatter_api", "web full"),
    ("salesforce", "web", "visualforce", "api"),
    ("salesforce", "offline_access", "refresh_token", "api"),
    ("hubspot", "", "crm.objects.contacts.read", ""),
    ("zoom", "", "user:read meeting:read", ""),
    ("asana", "default", "tasks:read tasks:write", ""),
    ("asana", "tasks:read", "", "tasks:write default"),
    ("figma", "files:read", "file_content:read file_metadata:read", "file_comments:write"),
    ("figma", "file_content:read", "", "files:read"),
    ("jira-data-center", "READ", "", "WRITE ADMIN"),
]


@pytest.mark.parametrize(
    ("service", "granted", "covered", "not_covered"), HIERARCHIES, ids=[f"{row[0]}-{row[1]}" for row in HIERARCHIES]
)
def test_scopes_of_a_service_relate_as_it_documents(service: str, granted: str, covered: str, not_covered: str) -> None:
    scopes = PRESETS[service].scopes
    wanted = [*covered.split(), *not_covered.split()]
    assert scopes.missing(wanted, granted.split()) == tuple(not_covered.split())
