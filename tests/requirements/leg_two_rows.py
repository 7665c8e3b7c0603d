"""Requirements on obtaining, renewing, exchanging and ending users' credentials at other services."""

from __future__ import annotations

from tests.requirements.row import BOTH, NONE, Requirement, shown_in

_ADVERSARIAL = "flows/test_adversarial.py"
_TABLE_OF_ATTACKS = "test_an_attack_binds_nothing_and_echoes_nothing_and_leaves_one_line"
_CODE = "connections/test_authorization_code.py"
_EXCHANGE = "oauth/test_token_exchange.py"
_GRANTS = "connections/test_userless_grants.py"
_HABITS = "connections/test_service_habits.py"
_RENEWAL = "flows/test_renewal.py"

LEG_TWO_MCP = (
    Requirement(
        "elicit-link-attacks",
        BOTH,
        "elicitation, phishing; safe URL handling",
        "A link or an answer that was forwarded, edited, replayed or swapped connects nobody.",
        shown_in(_ADVERSARIAL, _TABLE_OF_ATTACKS),
    ),
    Requirement(
        "elicit-form-page",
        BOTH,
        "elicitation, interaction model; form mode security; phishing",
        "What is typed in and secret is typed into a page of the server's, by the user who was asked and has signed in "
        "there; no form of the client's asks for it, and it comes back to no client.",
        (
            *shown_in(
                "requirements/test_asking.py",
                "test_typed_secrets_are_asked_for_in_url_mode",
                "test_a_client_with_forms_only_is_asked_for_no_secret",
            ),
            *shown_in("web/test_connect_form.py", "test_another_users_link_takes_no_form_of_mine"),
            *shown_in("flows/test_canaries_in_forms.py", "test_nothing_typed_into_a_form_comes_out_anywhere"),
        ),
    ),
    Requirement(
        "elicit-results-clean",
        BOTH,
        "elicitation, OAuth flows",
        "Whatever happens to a credential, no result, page, log, span or error holds it.",
        (
            *shown_in("flows/test_canaries.py", "test_nothing_secret_of_a_redirect_flow_comes_out_anywhere"),
            *shown_in("flows/test_canaries_on_connections.py", "test_managing_connections_lets_nothing_secret_out"),
            *shown_in(
                "flows/test_canaries_without_user.py",
                "test_nothing_secret_of_a_flow_without_a_user_comes_out_anywhere",
            ),
        ),
    ),
    Requirement(
        "elicit-error-text",
        BOTH,
        "elicitation, error handling (a SHOULD)",
        "Whoever is told that something is missing or failed can tell what it is and what to do.",
        (
            *shown_in(
                "flows/test_texts.py",
                "test_whatever_the_rung_the_text_names_the_service_and_the_next_step",
                "test_whatever_the_outcome_the_text_names_the_service_and_the_next_step",
            ),
            *shown_in(
                "flows/test_texts_in_forms.py",
                "test_a_form_that_is_not_taken_says_what_to_do_and_repeats_no_secret",
                "test_a_caller_whose_form_is_not_taken_hears_of_the_service_and_the_next_step",
            ),
        ),
    ),
    Requirement(
        "practice-passthrough",
        BOTH,
        "security best practices, token passthrough",
        "The caller's token is exchanged at its own issuer, and neither sent to a service nor kept.",
        (
            *shown_in("flows/test_without_user.py", "test_no_callers_token_is_kept"),
            *shown_in(_GRANTS, "test_the_callers_token_goes_nowhere"),
            *shown_in("connections/test_userless_callers.py", "test_a_token_is_not_shown_to_an_issuer_it_is_not_of"),
            *shown_in(
                "providers/test_without_user.py",
                "test_callers_own_tokens_are_shown_to_no_service_because_an_address_was_left_out",
            ),
        ),
    ),
    Requirement(
        "practice-deputy",
        BOTH,
        "security best practices, confused deputy",
        "No page of ours, its forms or its links acts for somebody who did not open it themselves.",
        (
            *shown_in(_ADVERSARIAL, _TABLE_OF_ATTACKS),
            *shown_in(
                "web/test_connections_page.py",
                "test_every_form_needs_a_token_of_ours_for_this_user_and_this_form",
                "test_what_one_user_connects_no_other_user_sees_or_ends",
            ),
        ),
    ),
    Requirement(
        "practice-page-session",
        BOTH,
        "security best practices, session hijacking",
        "A browser session is sealed for one application and bound to every visit and form begun in it.",
        (
            *shown_in(_ADVERSARIAL, _TABLE_OF_ATTACKS),
            *shown_in("web/test_csrf.py", "test_a_token_opens_for_the_session_and_address_it_was_made_for"),
        ),
    ),
    Requirement(
        "practice-scopes",
        BOTH,
        "security best practices, scope minimization (a SHOULD)",
        "A user is asked for what a tool lacks and no more, and other tools go on with what they have.",
        (
            *shown_in(
                "connections/test_broker_renewal.py",
                "test_only_what_is_missing_is_asked_and_the_service_hears_what_was_granted_before_too",
            ),
            *shown_in("flows/test_outcomes.py", "test_partial_consent_is_named_and_does_not_ask_in_circles"),
        ),
    ),
    Requirement(
        "authz-scope-hierarchy",
        BOTH,
        "authorization, step-up flow",
        "Where a broader scope implies a narrower one, the broader one is enough.",
        shown_in(
            "oauth/test_scope_rules.py",
            "test_implications_reach_through_others",
            "test_scopes_of_a_service_relate_as_it_documents",
        ),
    ),
)

LEG_TWO_RFCS = (
    Requirement(
        "rfc7009-request",
        NONE,
        "RFC 7009 section 2.1",
        "A token is revoked by POST, and our client proves itself.",
        shown_in("oauth/test_revocation.py", "test_the_standard_sends_a_form_with_the_proof"),
    ),
    Requirement(
        "rfc7009-refresh-token",
        NONE,
        "RFC 7009 section 2.1",
        "What is revoked is the token with which the whole grant ends.",
        shown_in(_HABITS, "test_the_standard_revocation_sends_the_token_that_ends_it_all"),
    ),
    Requirement(
        "rfc7009-answer",
        NONE,
        "RFC 7009 sections 2.2 and 2.2.1",
        "Only a confirmation counts as one; after any other answer the token is taken for alive there.",
        (
            *shown_in("oauth/test_revocation.py", "test_only_a_clear_yes_is_a_confirmation"),
            *shown_in("web/test_connections_page.py", "test_disconnecting_says_what_the_service_said"),
        ),
    ),
    Requirement(
        "rfc8693-request",
        NONE,
        "RFC 8693 section 2.1",
        "An exchange names the grant type, the subject token and its type.",
        shown_in(_EXCHANGE, "test_an_exchange_names_the_callers_token_and_what_it_is_exchanged_for"),
    ),
    Requirement(
        "rfc8693-answer",
        NONE,
        "RFC 8693 section 2.2.1",
        "What is issued is used only if it is an access token.",
        shown_in(
            _EXCHANGE,
            "test_an_access_token_is_taken_whether_its_type_is_told_or_not",
            "test_what_is_no_access_token_is_not_taken_for_one",
        ),
    ),
    Requirement(
        "rfc8693-subject",
        NONE,
        "RFC 8693 sections 1.1 and 5",
        "What came of one caller's token serves that caller with that token, and nobody else.",
        shown_in(
            "connections/test_userless.py",
            "test_no_caller_gets_what_anothers_token_was_exchanged_for",
            "test_a_caller_who_comes_back_with_a_weaker_token_does_not_profit_from_the_stronger_one",
        ),
    ),
    Requirement(
        "rfc6749-client-credentials",
        NONE,
        "RFC 6749 section 4.4",
        "Client credentials are for confidential clients.",
        shown_in(_GRANTS, "test_a_public_client_gets_no_way", "test_the_credential_is_this_applications"),
    ),
    Requirement(
        "rfc6749-no-refresh",
        NONE,
        "RFC 6749 section 4.4.3",
        "A refresh token beside a client credentials answer is not used.",
        shown_in("connections/test_userless.py", "test_nothing_is_kept_that_would_renew_it_without_its_callers_token"),
    ),
    Requirement(
        "rfc6749-once",
        NONE,
        "RFC 6749 section 3.1",
        "A parameter that stands twice in an answer makes it none.",
        shown_in(_ADVERSARIAL, _TABLE_OF_ATTACKS),
    ),
    Requirement(
        "rfc6749-refresh-kept",
        NONE,
        "RFC 6749 section 6",
        "A new refresh token replaces the old one, which stays in force where none comes.",
        shown_in(
            _CODE,
            "test_a_renewal_keeps_the_old_refresh_token_when_no_new_one_comes",
            "test_a_renewal_takes_the_new_refresh_token_and_scopes_when_they_come",
        ),
    ),
    Requirement(
        "rfc9700-rotation",
        NONE,
        "RFC 9700 section 4.14.2",
        "A rotated refresh token is never sent twice, however many calls need it.",
        shown_in(_RENEWAL, "test_fifty_calls_on_an_expired_token_make_one_request_and_all_succeed"),
    ),
    Requirement(
        "rfc9700-injection",
        NONE,
        "RFC 9700 section 4.5",
        "A code of another visit is of no use, whoever brings it.",
        shown_in(_ADVERSARIAL, _TABLE_OF_ATTACKS),
    ),
    Requirement(
        "rfc9700-leaks",
        NONE,
        "RFC 9700 sections 4.2 and 4.3",
        "Codes, states and tokens reach no page, log, span, error or address of ours.",
        (
            *shown_in("flows/test_canaries.py", "test_nothing_secret_of_a_redirect_flow_comes_out_anywhere"),
            *shown_in("flows/test_canaries_on_connections.py", "test_managing_connections_lets_nothing_secret_out"),
            *shown_in(_HABITS, "test_no_request_has_a_secret_in_its_address_and_no_error_tells_one"),
        ),
    ),
    Requirement(
        "rfc9207-known-sender",
        NONE,
        "RFC 9207 section 2.4",
        "A server that is known to name itself has to do so.",
        shown_in(_HABITS, "test_a_service_that_always_names_itself_has_to"),
    ),
)
