"""Requirements of the RFCs that bind us where we are the authorization server: the proxy."""

from __future__ import annotations

from tests.requirements.row import NONE, Requirement, shown_in

_WIRE = "requirements/test_proxy.py"
_CLIENTS = "web/test_proxy_clients.py"
_CONSENT = "web/test_proxy_consent.py"
_LOGIN = "web/test_proxy_login.py"
_MESSAGES = "oauth/test_server_messages.py"
_SETUP = "web/test_proxy_setup.py"
_TOKENS = "web/test_proxy_tokens.py"

CODES = (
    Requirement(
        "rfc6749-parameters",
        NONE,
        "RFC 6749 sections 3.1 and 3.2",
        "Unknown parameters are ignored, empty ones count as left out, repeated ones are refused.",
        (
            *shown_in(_WIRE, "test_unknown_parameters_are_ignored_and_empty_ones_count_as_left_out"),
            *shown_in(_MESSAGES, "test_a_repeated_parameter_is_refused"),
            *shown_in(_TOKENS, "test_a_body_that_is_no_token_request_is_refused"),
        ),
    ),
    Requirement(
        "rfc6749-response-type",
        NONE,
        "RFC 6749 sections 3.1.1 and 4.1.2.1",
        "A response type that is missing or not served is an error at the client.",
        shown_in(_MESSAGES, "test_a_fault_has_the_error_of_the_standard"),
    ),
    Requirement(
        "rfc6749-no-redirect",
        NONE,
        "RFC 6749 sections 3.1.2.4 and 4.1.2.1",
        "With an unknown client or a foreign address the person is told, and nobody is redirected.",
        shown_in(_CLIENTS, "test_an_unknown_client_or_a_foreign_address_is_a_page_and_never_a_redirect"),
    ),
    Requirement(
        "rfc6749-state",
        NONE,
        "RFC 6749 sections 4.1.2 and 4.1.2.1",
        "The client's state comes back exactly as it was sent, in refusals too.",
        shown_in(
            _CONSENT,
            "test_the_longest_request_fits_into_a_cookie_and_one_more_is_refused",
            "test_who_cancels_goes_back_without_a_login",
        ),
    ),
    Requirement(
        "rfc6749-code-short",
        NONE,
        "RFC 6749 sections 4.1.2 and 10.5",
        "A code is short-lived.",
        shown_in(_TOKENS, "test_a_code_dies_after_a_minute_and_a_client_id_is_no_code"),
    ),
    Requirement(
        "rfc6749-code-once",
        NONE,
        "RFC 6749 sections 4.1.2 and 10.5",
        "A code used a second time is refused.",
        shown_in(_TOKENS, "test_a_code_is_good_once"),
    ),
    Requirement(
        "rfc6749-code-client",
        NONE,
        "RFC 6749 section 4.1.3",
        "A code is redeemed by the client and with the address it was issued for.",
        (
            *shown_in(
                _TOKENS,
                "test_a_code_of_one_client_is_no_good_at_another",
                "test_a_token_request_that_differs_from_the_authorization_request_gets_nothing",
            ),
            *shown_in(_WIRE, "test_the_issuers_own_code_is_none_of_ours"),
        ),
    ),
    Requirement(
        "rfc6749-post",
        NONE,
        "RFC 6749 section 3.2",
        "Tokens are asked for by POST.",
        shown_in(_WIRE, "test_tokens_and_registrations_are_got_by_post_only"),
    ),
    Requirement(
        "rfc6749-no-store",
        NONE,
        "RFC 6749 section 5.1",
        "An answer with tokens is not to be stored.",
        shown_in(_LOGIN, "test_a_client_that_registers_itself_signs_in_and_calls"),
    ),
    Requirement(
        "rfc6749-scope-told",
        NONE,
        "RFC 6749 sections 3.3 and 5.1",
        "A client is told the scope when it is not the one it asked for.",
        shown_in(_TOKENS, "test_repeating_scopes_the_user_did_not_get_is_no_wish_for_more"),
    ),
    Requirement(
        "rfc6749-errors",
        NONE,
        "RFC 6749 section 5.2",
        "Refusals have the error codes of the standard.",
        shown_in(_TOKENS, "test_a_token_request_that_differs_from_the_authorization_request_gets_nothing"),
    ),
    Requirement(
        "rfc6749-basic",
        NONE,
        "RFC 6749 section 5.2",
        "A client that tried Basic is answered 401 with a challenge.",
        shown_in(_WIRE, "test_a_secret_in_the_header_is_401_with_a_challenge_and_in_the_body_400"),
    ),
    Requirement(
        "rfc6749-refresh",
        NONE,
        "RFC 6749 sections 6 and 10.4",
        "A refresh token works for its own client, and never for more than was granted.",
        (
            *shown_in(_TOKENS, "test_a_refresh_rotates_narrows_and_is_bound_to_its_client"),
            *shown_in(_MESSAGES, "test_a_refresh_cannot_widen_and_is_not_for_what_was_not_granted"),
        ),
    ),
    Requirement(
        "rfc6749-framing",
        NONE,
        "RFC 6749 section 10.13",
        "The page where people agree cannot be framed.",
        shown_in(_CONSENT, "test_the_page_says_who_asks_for_what_and_where_the_sign_in_goes"),
    ),
    Requirement(
        "rfc7636-required",
        NONE,
        "RFC 7636 section 4.4.1; RFC 9700 section 2.1.1",
        "A request without a challenge by S256 is refused.",
        shown_in(_WIRE, "test_without_an_s256_challenge_nobody_gets_as_far_as_a_page"),
    ),
    Requirement(
        "rfc7636-compared",
        NONE,
        "RFC 7636 section 4.6",
        "A verifier that does not belong to the challenge gets no token.",
        (
            *shown_in(_WIRE, "test_a_code_needs_the_verifier_of_its_own_challenge"),
            *shown_in(_MESSAGES, "test_a_code_is_good_for_its_own_request_only"),
        ),
    ),
    Requirement(
        "rfc8252-port",
        NONE,
        "RFC 8252 section 7.3",
        "A loopback address takes any port.",
        shown_in(_CLIENTS, "test_a_registration_is_answered_with_an_id_that_fits_into_an_address"),
    ),
    Requirement(
        "rfc8252-complete",
        NONE,
        "RFC 8252 section 8.4",
        "Native clients register whole addresses; all but the port is compared.",
        shown_in("oauth/test_redirects.py", "test_the_port_of_a_loopback_address_is_the_only_thing_that_may_differ"),
    ),
    Requirement(
        "rfc8252-impersonation",
        NONE,
        "RFC 8252 section 8.6",
        "A native client is never let through without its user being asked.",
        shown_in(_CONSENT, "test_an_address_that_any_program_here_could_take_is_asked_for_every_time"),
    ),
    Requirement(
        "rfc8707-refused",
        NONE,
        "RFC 8707 section 2",
        "A resource that is not ours, or one of several at once, is `invalid_target`.",
        shown_in(_MESSAGES, "test_a_resource_that_is_not_one_of_ours_is_refused"),
    ),
    Requirement(
        "rfc8707-code",
        NONE,
        "RFC 8707 section 2.2",
        "Neither a code nor a refresh token gets a token for another resource than it was granted for.",
        (
            *shown_in(_MESSAGES, "test_a_code_is_not_for_another_resource"),
            *shown_in(_TOKENS, "test_a_refresh_rotates_narrows_and_is_bound_to_its_client"),
        ),
    ),
    Requirement(
        "rfc9207-sent",
        NONE,
        "RFC 9207 sections 2, 2.3 and 2.4",
        "Every answer names us as the metadata does, and the metadata announces it.",
        shown_in(_WIRE, "test_every_answer_to_a_client_names_the_issuer_of_the_metadata_and_the_metadata_says_so"),
    ),
    Requirement(
        "rfc9207-upstream",
        NONE,
        "RFC 9207 section 2.4",
        "The proxy believes no answer under another name, nor one without the name its issuer announces.",
        shown_in(_TOKENS, "test_an_answer_of_another_issuer_is_not_believed"),
    ),
    Requirement(
        "rfc9700-proxy-no-307",
        NONE,
        "RFC 9700 section 4.12",
        "No redirect of the proxy repeats a form at the next address.",
        shown_in(_WIRE, "test_every_redirect_of_the_proxy_turns_into_a_get"),
    ),
    Requirement(
        "rfc9700-proxy-open-redirect",
        NONE,
        "RFC 9700 section 4.11.2",
        "The proxy sends nobody to a stranger's site without a word.",
        shown_in(_CONSENT, "test_a_request_that_fails_leads_nobody_to_a_strangers_site"),
    ),
)

METADATA = (
    Requirement(
        "rfc8414-issuer",
        NONE,
        "RFC 8414 sections 2, 3.1 and 3.3",
        "The document names the issuer whose well-known address led to it, path and all.",
        shown_in(_SETUP, "test_a_base_url_with_a_path_has_its_documents_at_both_places"),
    ),
    Requirement(
        "rfc8414-members",
        NONE,
        "RFC 8414 sections 2 and 3.2",
        "The document is JSON with the members every authorization server has, and none of them empty.",
        shown_in(_SETUP, "test_both_documents_are_alike_and_say_what_clients_insist_on"),
    ),
    Requirement(
        "rfc8414-read",
        NONE,
        "RFC 8414 section 3.3",
        "The issuer's own document is not used when it names another issuer.",
        shown_in("oauth/test_metadata.py", "test_a_document_of_another_issuer_is_refused"),
    ),
    Requirement(
        "rfc7591-created",
        NONE,
        "RFC 7591 section 3.2.1",
        "A registration is answered 201 with an id of its own and all that was registered.",
        shown_in(
            _CLIENTS,
            "test_a_registration_is_answered_with_an_id_that_fits_into_an_address",
        ),
    ),
    Requirement(
        "rfc7591-ignored",
        NONE,
        "RFC 7591 sections 2 and 3.1.1",
        "What a registration says that we do not know is ignored, and what we replaced is told.",
        (
            *shown_in(_WIRE, "test_a_registration_ignores_what_it_does_not_know_and_says_what_it_made_of_the_rest"),
            *shown_in("oauth/test_client_metadata.py", "test_a_registration_is_granted_as_far_as_we_serve_it"),
        ),
    ),
    Requirement(
        "rfc7591-errors",
        NONE,
        "RFC 7591 section 3.2.2",
        "A registration we cannot accept has the error of the standard.",
        shown_in(_CLIENTS, "test_a_registration_that_is_not_in_order_is_refused"),
    ),
    Requirement(
        "rfc7591-addresses",
        NONE,
        "RFC 7591 section 5",
        "Clients register their addresses: https, this machine, or a scheme of their own.",
        shown_in(
            "oauth/test_client_metadata.py",
            "test_redirect_uris_that_nobody_may_have_are_refused_as_such",
            "test_what_is_no_registration_we_serve_is_refused",
        ),
    ),
    Requirement(
        "rfc7591-self-asserted",
        NONE,
        "RFC 7591 section 5",
        "What a client says of itself is told as its own word, and cannot dress itself up.",
        (
            *shown_in(_CONSENT, "test_the_page_says_who_asks_for_what_and_where_the_sign_in_goes"),
            *shown_in("oauth/test_client_metadata.py", "test_a_name_from_outside_is_made_fit_for_a_page_and_a_log"),
        ),
    ),
    Requirement(
        "rfc7009-done",
        NONE,
        "RFC 7009 sections 2 and 2.2",
        "Success is told when a token was revoked, and not where it lives on.",
        shown_in("web/test_proxy_parts.py", "test_an_issuer_without_an_endpoint_is_reported_at_the_step_that_needs_it"),
    ),
    Requirement(
        "rfc6749-challenge-scheme",
        NONE,
        "RFC 6749 section 5.2; RFC 7617 section 2",
        "A client that proved itself wrongly by a header is challenged in the scheme it used, with a realm.",
        shown_in("requirements/test_proxy.py", "test_a_client_that_proves_itself_is_challenged_in_its_own_scheme"),
    ),
    Requirement(
        "rfc7009-refresh",
        NONE,
        "RFC 7009 section 2",
        "Refresh tokens can be revoked, where the issuer can revoke.",
        shown_in(_TOKENS, "test_a_revoked_token_is_revoked_at_the_issuer"),
    ),
    Requirement(
        "rfc7009-client",
        NONE,
        "RFC 7009 section 2.1",
        "A refresh token is revoked by its own client only.",
        shown_in(_TOKENS, "test_a_revoked_token_is_revoked_at_the_issuer"),
    ),
    Requirement(
        "rfc7009-unknown",
        NONE,
        "RFC 7009 section 2.2",
        "A token nobody knows is answered like one that was revoked.",
        shown_in(_TOKENS, "test_a_revoked_token_is_revoked_at_the_issuer"),
    ),
    Requirement(
        "rfc7009-later",
        NONE,
        "RFC 7009 section 2.2.1",
        "While the issuer cannot be reached, the answer is 503 and the client may try again.",
        shown_in(_TOKENS, "test_a_revoked_token_is_revoked_at_the_issuer"),
    ),
)

SERVER_RFCS = (*CODES, *METADATA)
