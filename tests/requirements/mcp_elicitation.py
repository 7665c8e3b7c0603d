"""Requirements of the MCP specification: elicitation, rounds, security best practices."""

from __future__ import annotations

from tests.requirements.row import BOTH, NEW, OLD, Requirement, shown_in

_WIRE = "web/test_middleware_wire.py"
_ASKING = "requirements/test_asking.py"
_IDENTITY = "requirements/test_identity.py"
_CLIENT = "requirements/test_oauth_client.py"

ELICITATION = (
    Requirement(
        "elicit-url-mode",
        BOTH,
        "elicitation, interaction model; form mode security",
        "Credentials are asked for in URL mode, never by a form in the client.",
        shown_in(_ASKING, "test_the_question_is_in_url_mode_and_complete"),
    ),
    Requirement(
        "elicit-declared",
        BOTH,
        "elicitation, capabilities",
        "A client is not asked in a mode it did not declare.",
        shown_in(_ASKING, "test_a_client_that_did_not_declare_url_mode_is_not_asked"),
    ),
    Requirement(
        "elicit-members",
        BOTH,
        "elicitation, URL mode requests",
        "A question has its mode, a message, a valid URL and, in the older revision, an id.",
        shown_in(_ASKING, "test_the_question_is_in_url_mode_and_complete"),
    ),
    Requirement(
        "elicit-complete",
        OLD,
        "elicitation, completion notifications",
        "Completion is told to the asking client only, under the question's id.",
        shown_in(
            "flows/test_ladder.py",
            "test_a_legacy_client_is_told_when_the_page_is_done",
            "test_a_client_given_the_url_error_is_told_when_the_page_is_done",
        ),
    ),
    Requirement(
        "elicit-error-needed",
        OLD,
        "elicitation, URL elicitation required error",
        "Error -32042 is sent only while a question is really open.",
        shown_in(_ASKING, "test_the_url_error_is_not_sent_once_nothing_is_missing"),
    ),
    Requirement(
        "elicit-error-code",
        OLD,
        "elicitation, error handling",
        "A call that cannot go on before a question is answered ends with error -32042.",
        (
            *shown_in(_ASKING, "test_the_url_error_lists_url_questions_with_their_ids"),
            *shown_in(
                "flows/test_ladder.py",
                "test_a_legacy_client_without_back_channel_gets_the_url_error",
                "test_the_url_error_reaches_resources_and_prompts_too",
            ),
        ),
    ),
    Requirement(
        "elicit-error-content",
        OLD,
        "elicitation, URL elicitation required error",
        "That error lists the questions, each in URL mode and with an id.",
        shown_in(_ASKING, "test_the_url_error_lists_url_questions_with_their_ids"),
    ),
    Requirement(
        "elicit-state-user",
        BOTH,
        "elicitation, statefulness",
        "What is remembered belongs to a user and, where there are sessions, not merely to one of those.",
        shown_in(_ASKING, "test_a_connection_belongs_to_the_user_and_not_to_the_session"),
    ),
    Requirement(
        "elicit-state-protected",
        BOTH,
        "elicitation, statefulness",
        "What is remembered is protected against unauthorised access.",
        (
            *shown_in(
                "stores/test_sealed.py",
                "test_alices_record_under_bobs_key_is_refused",
                "test_a_planted_value_is_refused",
            ),
            *shown_in("connections/test_ledger.py", "test_reading_the_keys_gives_nobody_a_link_or_a_state"),
        ),
    ),
    Requirement(
        "elicit-user-from-token",
        BOTH,
        "elicitation, statefulness; identifying the user",
        "Who the user is comes from the verified token, not from what a client says.",
        shown_in(_IDENTITY, "test_what_a_client_says_about_its_user_does_not_count"),
    ),
    Requirement(
        "elicit-not-own-login",
        BOTH,
        "elicitation, OAuth flows",
        "Elicitation does not replace signing in to the server itself.",
        shown_in(_IDENTITY, "test_without_a_token_nobody_is_asked_to_connect_anything"),
    ),
    Requirement(
        "elicit-no-transit",
        BOTH,
        "elicitation, OAuth flows",
        "The service's credential never passes through the client and is never sent to it.",
        shown_in("flows/test_credentials.py", "test_tokens_reach_neither_logs_nor_results_nor_the_store_in_clear"),
    ),
    Requirement(
        "elicit-own-credential",
        BOTH,
        "elicitation, OAuth flows",
        "The service is not called with the client's credential.",
        shown_in(_IDENTITY, "test_the_callers_own_token_goes_to_no_other_service"),
    ),
    Requirement(
        "elicit-direct",
        BOTH,
        "elicitation, OAuth flows",
        "The user authorises the server directly, in a browser, without the client between.",
        shown_in("flows/test_ladder.py", "test_a_client_without_url_mode_gets_the_link_and_the_next_call_works"),
    ),
    Requirement(
        "elicit-says-no",
        NEW,
        "elicitation, error handling",
        "Declining, cancelling and a client that fails are handled.",
        shown_in(
            "flows/test_outcomes.py",
            "test_a_user_who_says_no_ends_the_call_with_the_right_text_and_may_be_asked_again",
            "test_a_client_that_cancels_leaves_no_task_and_no_pending_entry",
        ),
    ),
    Requirement(
        "elicit-bound",
        BOTH,
        "elicitation, security considerations",
        "A question is bound to the user and the client it was put to.",
        shown_in(
            _IDENTITY,
            "test_alices_request_state_is_of_no_use_to_bob_or_to_another_client_of_hers",
            "test_alices_session_is_of_no_use_to_bob",
        ),
    ),
    Requirement(
        "elicit-url-plain",
        BOTH,
        "elicitation, safe URL handling",
        "The URL holds nothing sensitive about the user.",
        shown_in(_ASKING, "test_the_link_holds_one_opaque_value_and_nobodys_name"),
    ),
    Requirement(
        "elicit-url-unauthenticated",
        BOTH,
        "elicitation, safe URL handling",
        "The URL by itself opens nothing.",
        shown_in(_ASKING, "test_the_link_signs_nobody_in"),
    ),
    Requirement(
        "elicit-same-user",
        BOTH,
        "elicitation, phishing",
        "Whoever opens the URL is identified, and only the user who was asked can complete it.",
        shown_in(
            "flows/test_same_user.py",
            "test_bob_opening_alices_link_is_refused_and_told_apart_in_the_audit_log",
            "test_alices_callback_in_bobs_browser_stores_nothing_for_either",
            "test_alices_callback_in_a_browser_without_session_stores_nothing",
        ),
    ),
    Requirement(
        "elicit-url-edited",
        BOTH,
        "elicitation, phishing",
        "Editing the URL does not change who the user is taken for.",
        shown_in(
            "flows/test_same_user.py",
            "test_an_edited_link_leads_to_a_page_that_says_what_to_do",
            "test_an_edited_callback_stores_nothing",
        ),
    ),
)

ROUNDS = (
    Requirement(
        "rounds-keys",
        NEW,
        "multi round-trip requests, server requirements",
        "Questions of one result have keys of their own and are of an allowed kind.",
        shown_in(_ASKING, "test_an_input_required_result_has_one_question_under_its_own_key_and_a_state"),
    ),
    Requirement(
        "rounds-content",
        NEW,
        "multi round-trip requests, server requirements",
        "An input-required result holds a question or a state.",
        shown_in(_ASKING, "test_an_input_required_result_has_one_question_under_its_own_key_and_a_state"),
    ),
    Requirement(
        "rounds-state-integrity",
        NEW,
        "multi round-trip requests, server requirements",
        "A request state is an attacker's input: one that was changed is refused.",
        shown_in(_ASKING, "test_a_request_state_that_was_changed_is_refused"),
    ),
    Requirement(
        "rounds-declared",
        NEW,
        "multi round-trip requests, server requirements",
        "No question goes to a client that did not declare its kind.",
        shown_in(_ASKING, "test_a_client_that_did_not_declare_url_mode_is_not_asked"),
    ),
    Requirement(
        "rounds-no-assumption",
        NEW,
        "multi round-trip requests, server requirements",
        "Nothing breaks when a client never answers or never comes back.",
        shown_in(
            "flows/test_ladder.py",
            "test_a_user_who_takes_too_long_is_asked_once_and_gets_the_link_and_finishes_later",
        ),
    ),
    Requirement(
        "transport-cancel",
        NEW,
        "streamable HTTP, cancellation",
        "A closed response stream ends the work.",
        shown_in("flows/test_outcomes.py", "test_a_client_that_cancels_leaves_no_task_and_no_pending_entry"),
    ),
)

PRACTICES = (
    Requirement(
        "practice-own-tokens",
        BOTH,
        "security best practices, token passthrough",
        "Tokens that were not issued for this server are refused.",
        shown_in(_WIRE, "test_a_token_for_another_audience_is_401_invalid_token"),
    ),
    Requirement(
        "practice-verify-all",
        BOTH,
        "security best practices, session or state handle hijacking",
        "Every inbound request is verified.",
        (
            *shown_in(_IDENTITY, "test_every_request_needs_its_own_token"),
            *shown_in(
                "web/test_middleware_asgi.py",
                "test_a_web_socket_without_a_token_is_answered_like_http_where_the_server_can",
            ),
        ),
    ),
    Requirement(
        "practice-session",
        OLD,
        "security best practices, session hijacking",
        "Holding a session id authenticates nobody.",
        (
            *shown_in(_IDENTITY, "test_alices_session_is_of_no_use_to_bob", "test_every_request_needs_its_own_token"),
            *shown_in("web/test_public_tools.py", "test_a_session_of_alices_is_nobody_elses_nor_nobodys"),
        ),
    ),
    Requirement(
        "practice-handle",
        NEW,
        "security best practices, state handle hijacking",
        "Holding a state or a link authenticates nobody.",
        (
            *shown_in(_IDENTITY, "test_alices_request_state_is_of_no_use_to_bob_or_to_another_client_of_hers"),
            *shown_in(
                "flows/test_same_user.py", "test_bob_opening_alices_link_is_refused_and_told_apart_in_the_audit_log"
            ),
        ),
    ),
    Requirement(
        "practice-ssrf",
        BOTH,
        "security best practices, server-side request forgery",
        "A deployed client limits where documents can send it: https, no redirects, bounded answers.",
        (
            *shown_in("oauth/test_metadata.py", "test_keys_come_from_an_encrypted_address_or_not_at_all"),
            *shown_in("test_fetch.py", "test_a_client_of_yours_is_used_never_redirects_and_stays_open"),
            *shown_in("test_fetch.py", "test_more_than_we_read_is_misbehaviour"),
        ),
    ),
    Requirement(
        "practice-authorize-url",
        BOTH,
        "security best practices, authorization URL validation",
        "Browsers are sent to http and https addresses only.",
        (
            *shown_in(_CLIENT, "test_a_service_is_reached_over_https_only"),
            *shown_in("oauth/test_metadata.py", "test_no_endpoint_may_be_plain_http"),
        ),
    ),
)
