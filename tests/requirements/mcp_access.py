"""Requirements of the MCP specification: who may see and use tools, resources and prompts."""

from __future__ import annotations

from tests.requirements.row import BOTH, NEW, Requirement, shown_in

_TRANSPORTS = "flows/test_access_transports.py"
_SESSIONS = "flows/test_access_sessions.py"
_ACCESS = "protocol/test_access.py"
_MOUNTED = "protocol/test_access_mounted.py"
_STACKED = "protocol/test_access_stacked.py"
_BESIDE = "protocol/test_access_beside.py"

ACCESS = (
    Requirement(
        "access-tools",
        BOTH,
        "tools, security considerations",
        "Tools are under access control: what a caller may not call is neither listed nor run, on every transport.",
        (
            *shown_in(
                _TRANSPORTS,
                "test_over_http_the_listed_is_the_usable",
                "test_over_sse_the_listed_is_the_usable",
                "test_on_stdio_the_listed_is_the_usable",
                "test_in_memory_the_listed_is_the_usable",
            ),
            *shown_in(
                _MOUNTED,
                "test_a_mounted_tool_calls_others_only_as_its_caller_might",
                "test_the_version_that_runs_is_the_one_that_is_decided_about",
            ),
            *shown_in(
                _STACKED,
                "test_rules_of_a_mounted_server_add_to_those_of_the_outer_one",
                "test_a_tool_that_calls_into_a_mounted_server_calls_what_its_caller_may",
            ),
            *shown_in(_ACCESS, "test_whatever_fails_in_deciding_refuses_and_says_nothing_of_it"),
        ),
    ),
    Requirement(
        "access-resources",
        BOTH,
        "resources, security considerations (SHOULD)",
        "Permission is checked before a resource is read, for the address that is read.",
        (
            *shown_in(_TRANSPORTS, "test_over_http_the_listed_is_the_usable"),
            *shown_in(
                _MOUNTED,
                "test_a_mounted_tool_calls_others_only_as_its_caller_might",
                "test_resources_and_prompts_offered_as_tools_are_decided_as_what_they_are",
            ),
            *shown_in(_BESIDE, "test_a_subscription_is_for_those_who_may_read"),
        ),
    ),
    Requirement(
        "access-prompts",
        BOTH,
        "prompts, security considerations",
        "A prompt gives nobody access to what they may not have.",
        shown_in(_TRANSPORTS, "test_over_http_the_listed_is_the_usable"),
    ),
    Requirement(
        "access-completions",
        BOTH,
        "completion, security considerations",
        "Suggestions disclose nothing to those who may not use what they are for.",
        shown_in(_BESIDE, "test_suggestions_are_for_those_who_may_use_what_they_are_for"),
    ),
    Requirement(
        "access-each-request",
        BOTH,
        "security best practices, session hijacking",
        "Sessions are no authentication: a request in somebody else's session has the rights of its own caller.",
        shown_in(
            _SESSIONS,
            "test_the_session_of_somebody_with_more_rights_gives_none",
            "test_rights_are_those_of_the_token_that_comes_with_the_request",
        ),
    ),
    Requirement(
        "access-cache-scope",
        NEW,
        "caching, cache scope",
        "What depends on its caller is not marked as public.",
        shown_in(_BESIDE, "test_a_list_that_depends_on_its_caller_is_never_public"),
    ),
    Requirement(
        "access-stdio-environment",
        BOTH,
        "authorization, protocol requirements (SHOULD)",
        "On stdio, who is calling comes from the environment.",
        (
            *shown_in(_TRANSPORTS, "test_on_stdio_the_listed_is_the_usable"),
            *shown_in(_BESIDE, "test_the_environment_says_who_calls_on_stdio"),
        ),
    ),
)
