"""Requirements of the MCP specification: statelessness, request states, sessions, and what a server remembers."""

from __future__ import annotations

from tests.requirements.row import BOTH, NEW, OLD, Requirement, shown_in

_STATE = "requirements/test_state.py"
_REPLICAS = "flows/test_replicas.py"
_REQUEST_STATE = "protocol/test_request_state.py"

STATE = (
    Requirement(
        "stateless-each-alone",
        NEW,
        "base protocol, statelessness",
        "Nothing that an earlier request on a connection said counts for a later one: neither who is calling nor what "
        "the client can do.",
        shown_in(_STATE, "test_requests_on_one_connection_know_nothing_of_each_other"),
    ),
    Requirement(
        "stateless-identifiers",
        NEW,
        "base protocol, statelessness",
        "What spans several requests is named by each of them: a call that goes on by its request state, and what a "
        "user has connected by the user in the token.",
        (
            *shown_in(
                _REPLICAS,
                "test_a_modern_call_goes_on_at_another_replica_and_asks_nobody_twice",
                "test_a_modern_call_goes_on_after_a_restart_of_all",
            ),
            *shown_in("requirements/test_asking.py", "test_a_connection_belongs_to_the_user_and_not_to_the_session"),
        ),
    ),
    Requirement(
        "stateless-any-process",
        NEW,
        "base protocol, statelessness (SHOULD)",
        "Requests that belong together need neither one connection nor one process.",
        (
            *shown_in(
                _REPLICAS,
                "test_a_modern_call_needs_no_two_requests_at_one_replica",
                "test_a_call_that_waits_at_one_replica_wakes_when_another_is_called_back",
                "test_the_call_after_a_restart_of_all_simply_works",
            ),
            *shown_in(
                "services/test_replicas_killed.py",
                "test_whatever_is_killed_between_two_steps_a_user_is_asked_once_and_keeps_what_they_have",
            ),
        ),
    ),
    Requirement(
        "stateless-no-session",
        NEW,
        "streamable HTTP, earlier revisions (SHOULD)",
        "A session id on a request of this revision is ignored, and none is given out.",
        shown_in(_STATE, "test_a_modern_request_begins_no_session_and_needs_none"),
    ),
    Requirement(
        "rounds-where",
        NEW,
        "multi round-trip requests, supported requests",
        "Only tools/call, resources/read and prompts/get end with a question.",
        shown_in(_STATE, "test_calls_reads_and_prompts_may_end_with_a_question_and_nothing_else"),
    ),
    Requirement(
        "rounds-state-hostile",
        NEW,
        "multi round-trip requests, server requirements; security considerations",
        "A request state is read as something an attacker wrote: only what one of our own keys has sealed is opened, "
        "and whatever stands in it breaks nothing.",
        (
            *shown_in(
                _REQUEST_STATE,
                "test_anybody_elses_state_is_refused",
                "test_a_ring_that_ends_with_the_process_serves_that_process",
            ),
            *shown_in(
                "protocol/test_round_state.py",
                "test_a_state_with_our_mark_and_other_fields_never_raises",
                "test_a_state_with_a_broken_field_is_not_ours",
                "test_a_text_made_to_break_parsers_is_not_ours",
            ),
        ),
    ),
    Requirement(
        "rounds-state-principal",
        NEW,
        "multi round-trip requests, server requirements (SHOULD)",
        "A request state is bound to the caller it was made for.",
        shown_in(
            "requirements/test_identity.py",
            "test_alices_request_state_is_of_no_use_to_bob_or_to_another_client_of_hers",
        ),
    ),
    Requirement(
        "rounds-state-expiry",
        NEW,
        "multi round-trip requests, server requirements (SHOULD)",
        "A request state lives for a short time.",
        shown_in(
            _REQUEST_STATE,
            "test_a_state_that_has_expired_is_refused",
            "test_the_time_between_two_rounds_is_the_one_that_was_given",
        ),
    ),
    Requirement(
        "rounds-state-request",
        NEW,
        "multi round-trip requests, server requirements (SHOULD)",
        "A request state is bound to its request: another tool or other arguments do not go with it.",
        shown_in(_STATE, "test_a_request_state_is_good_for_the_call_it_came_from_only"),
    ),
    Requirement(
        "rounds-state-once",
        NEW,
        "multi round-trip requests, server requirements",
        "What may happen only once is decided at the server, not by a request state: a callback is redeemed once, and "
        "the first outcome of a flow stands.",
        (
            *shown_in("flows/test_same_user.py", "test_a_replayed_callback_stores_nothing_and_says_so"),
            *shown_in(
                "connections/test_ledger.py",
                "test_of_fifty_concurrent_redemptions_of_a_state_one_gets_the_visit",
                "test_the_first_outcome_wins",
            ),
        ),
    ),
    Requirement(
        "session-id",
        OLD,
        "transports, session management; security best practices, session hijacking",
        "Session ids cannot be guessed and consist of visible ASCII characters.",
        shown_in(_STATE, "test_a_session_id_is_random_long_and_visible"),
    ),
    Requirement(
        "session-gone",
        OLD,
        "transports, session management",
        "A request in a session that was ended, or that lives elsewhere, is answered with 404.",
        (
            *shown_in(_STATE, "test_a_session_that_was_ended_is_not_found"),
            *shown_in(_REPLICAS, "test_a_legacy_session_lives_at_one_replica"),
        ),
    ),
    Requirement(
        "session-user",
        OLD,
        "security best practices, session hijacking (SHOULD)",
        "A session belongs to the user who began it.",
        (
            *shown_in("requirements/test_identity.py", "test_alices_session_is_of_no_use_to_bob"),
            *shown_in("web/test_public_tools.py", "test_a_session_of_alices_is_nobody_elses_nor_nobodys"),
        ),
    ),
    Requirement(
        "state-spoilt",
        BOTH,
        "elicitation, statefulness",
        "Stored state that somebody has changed is not believed; its user is asked again.",
        shown_in(
            "flows/test_spoilt_records.py", "test_a_credential_that_was_spoilt_is_asked_for_once_and_reported_once"
        ),
    ),
    Requirement(
        "state-copied",
        BOTH,
        "elicitation, statefulness",
        "Stored state of one user is of no use under another one's key.",
        (
            *shown_in("stores/test_sealed.py", "test_alices_record_under_bobs_key_is_refused"),
            *shown_in("services/test_replicas_spoilt.py", "test_its_user_is_asked_once_and_the_operator_told_once"),
        ),
    ),
)
