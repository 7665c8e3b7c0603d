"""Requirements of the RFCs the kit stands on."""

from __future__ import annotations

from tests.requirements.row import NONE, Requirement, shown_in

RFCS = (
    Requirement(
        "rfc9728-https",
        NONE,
        "RFC 9728 section 1.2",
        "A resource identifier is an https URL without a fragment.",
        (
            *shown_in("requirements/test_documents.py", "test_a_resource_with_a_query_or_fragment_is_refused"),
            *shown_in("web/test_resources.py", "test_a_base_that_clients_could_not_trust_is_refused"),
        ),
    ),
    Requirement(
        "rfc9728-resource",
        NONE,
        "RFC 9728 section 2",
        "The document names its resource.",
        shown_in(
            "requirements/test_documents.py", "test_the_document_is_json_with_status_200_and_names_resource_and_issuer"
        ),
    ),
    Requirement(
        "rfc9728-empty",
        NONE,
        "RFC 9728 sections 2 and 3.2",
        "Members without a value are left out.",
        shown_in("requirements/test_documents.py", "test_members_without_a_value_are_left_out"),
    ),
    Requirement(
        "rfc9728-suffix",
        NONE,
        "RFC 9728 section 3.1",
        "The well-known part is inserted before the resource's path.",
        (
            *shown_in("oauth/test_metadata.py", "test_the_resource_documents_address_is_inserted_before_the_path"),
            *shown_in(
                "requirements/test_documents.py",
                "test_each_server_of_an_application_has_the_document_of_its_own_address",
            ),
        ),
    ),
    Requirement(
        "rfc9728-root",
        NONE,
        "RFC 9728 section 3.1",
        "A resource without a path has its document at the root form.",
        shown_in("requirements/test_documents.py", "test_a_server_at_the_origin_has_the_root_form_only"),
    ),
    Requirement(
        "rfc9728-answer",
        NONE,
        "RFC 9728 section 3.2",
        "The answer is JSON with status 200.",
        shown_in(
            "requirements/test_documents.py", "test_the_document_is_json_with_status_200_and_names_resource_and_issuer"
        ),
    ),
    Requirement(
        "rfc9728-same",
        NONE,
        "RFC 9728 section 3.3",
        "The named resource is the one whose address led to the document.",
        shown_in(
            "requirements/test_documents.py",
            "test_each_server_of_an_application_has_the_document_of_its_own_address",
            "test_the_challenge_leads_to_a_document_that_anybody_may_read",
        ),
    ),
    Requirement(
        "rfc9728-challenge",
        NONE,
        "RFC 9728 section 5.1",
        "The challenge names the document's address.",
        (
            *shown_in("requirements/test_documents.py", "test_the_challenge_leads_to_a_document_that_anybody_may_read"),
            *shown_in("web/test_middleware_issuer.py", "test_each_servers_challenge_names_its_own_document"),
        ),
    ),
    Requirement(
        "rfc6750-header",
        NONE,
        "RFC 6750 section 2.1",
        "The Authorization header is supported.",
        shown_in("web/test_middleware_wire.py", "test_the_scheme_knows_no_case"),
    ),
    Requirement(
        "rfc6750-one-method",
        NONE,
        "RFC 6750 section 2",
        "A request carries its token in one way only.",
        shown_in(
            "web/test_middleware_wire.py",
            "test_a_token_in_the_address_is_400_even_beside_a_good_header",
            "test_two_authorization_headers_are_400_without_a_challenge",
        ),
    ),
    Requirement(
        "rfc6750-challenge",
        NONE,
        "RFC 6750 section 3",
        "A request without a usable token gets a challenge of the scheme Bearer.",
        shown_in(
            "web/test_middleware_wire.py",
            "test_no_token_or_another_scheme_is_401_without_an_error_code",
            "test_a_malformed_token_is_401_invalid_token",
        ),
    ),
    Requirement(
        "rfc6750-once",
        NONE,
        "RFC 6750 section 3",
        "No attribute of a challenge occurs twice.",
        shown_in("oauth/test_challenge.py", "test_clients_that_search_the_whole_header_find_each_word_once"),
    ),
    Requirement(
        "rfc6750-characters",
        NONE,
        "RFC 6750 section 3",
        "Attributes hold only the characters allowed there.",
        shown_in("oauth/test_challenge.py", "test_whatever_is_said_the_challenge_stays_well_formed"),
    ),
    Requirement(
        "rfc6750-no-error",
        NONE,
        "RFC 6750 section 3.1",
        "A request without any token is told no error code.",
        (
            *shown_in("oauth/test_challenge.py", "test_a_challenge_without_a_token_has_no_error_code"),
            *shown_in("web/test_middleware_wire.py", "test_no_token_or_another_scheme_is_401_without_an_error_code"),
        ),
    ),
    Requirement(
        "rfc6750-validate",
        NONE,
        "RFC 6750 section 5.2",
        "A token's signature, lifetime and recipient are checked.",
        (
            *shown_in(
                "web/test_middleware_wire.py",
                "test_a_forged_token_is_401_invalid_token",
                "test_a_token_for_another_audience_is_401_invalid_token",
            ),
            *shown_in("web/test_middleware_issuer.py", "test_a_token_is_refused_at_its_end_remembered_or_not"),
        ),
    ),
    Requirement(
        "rfc9207-compare",
        NONE,
        "RFC 9207 section 2.4",
        "An `iss` that differs in a single byte is refused.",
        shown_in("oauth/test_authorization.py", "test_the_right_server_has_to_answer"),
    ),
    Requirement(
        "rfc9207-before-code",
        NONE,
        "RFC 9207 section 2.4",
        "A code under another server's name is never exchanged.",
        shown_in(
            "flows/test_outcomes.py", "test_an_answer_of_another_server_fails_the_call_and_its_code_is_never_exchanged"
        ),
    ),
    Requirement(
        "rfc9207-error",
        NONE,
        "RFC 9207 section 2.4",
        "Errors are checked like successes.",
        (
            *shown_in("oauth/test_authorization.py", "test_the_right_server_has_to_answer"),
            *shown_in(
                "requirements/test_oauth_client.py",
                "test_an_error_in_another_servers_name_is_neither_believed_nor_shown",
            ),
        ),
    ),
    Requirement(
        "rfc9207-announced",
        NONE,
        "RFC 9207 section 2.4",
        "An issuer that announces `iss` and leaves it out is refused.",
        shown_in("web/test_browser_login.py", "test_an_issuer_that_announces_iss_and_leaves_it_out_is_not_believed"),
    ),
    Requirement(
        "rfc7636-verifier",
        NONE,
        "RFC 7636 section 4.1",
        "A verifier is fresh, random and 43 to 128 characters long.",
        shown_in(
            "requirements/test_oauth_client.py",
            "test_each_visit_has_a_verifier_of_its_own_and_only_its_digest_travels_by_browser",
        ),
    ),
    Requirement(
        "rfc7636-s256",
        NONE,
        "RFC 7636 section 4.2",
        "The challenge is made by S256.",
        shown_in(
            "oauth/test_authorization.py",
            "test_the_challenge_is_the_one_of_rfc_7636",
            "test_extra_parameters_cannot_replace_what_safety_rests_on",
        ),
    ),
    Requirement(
        "rfc7636-sent",
        NONE,
        "RFC 7636 section 4.5",
        "The verifier goes with the code.",
        shown_in("oauth/test_token.py", "test_a_public_client_names_itself_and_shows_the_verifier"),
    ),
    Requirement(
        "rfc8707-audience",
        NONE,
        "RFC 8707 section 2",
        "A token that was asked for one resource is taken there and nowhere else.",
        (
            *shown_in(
                "flows/test_stock_clients.py", "test_the_official_client_finds_the_login_connects_and_gets_the_result"
            ),
            *shown_in(
                "web/test_middleware_issuer.py",
                "test_a_token_for_one_server_is_no_good_at_its_neighbour",
                "test_a_remembered_token_is_no_good_at_the_neighbour_either",
            ),
        ),
    ),
    Requirement(
        "rfc8707-identifier",
        NONE,
        "RFC 8707 section 2",
        "A resource is named by an absolute URL without a fragment.",
        (
            *shown_in("web/test_resources.py", "test_a_resource_is_named_by_its_url_without_a_trailing_slash"),
            *shown_in("requirements/test_documents.py", "test_a_resource_with_a_query_or_fragment_is_refused"),
        ),
    ),
    Requirement(
        "rfc9700-csrf",
        NONE,
        "RFC 9700 section 2.1",
        "An answer is taken only by the browser that asked.",
        (
            *shown_in(
                "flows/test_same_user.py",
                "test_alices_callback_in_bobs_browser_stores_nothing_for_either",
                "test_a_login_started_in_another_browser_is_refused",
            ),
            *shown_in("web/test_browser_login.py", "test_a_login_is_no_good_with_anothers_cookie_an_old_one_or_twice"),
        ),
    ),
    Requirement(
        "rfc9700-transaction",
        NONE,
        "RFC 9700 section 2.1.1",
        "PKCE challenges and nonces belong to one transaction.",
        shown_in(
            "requirements/test_oauth_client.py",
            "test_states_and_nonces_are_never_used_twice",
            "test_each_visit_has_a_verifier_of_its_own_and_only_its_digest_travels_by_browser",
        ),
    ),
    Requirement(
        "rfc9700-open-redirect",
        NONE,
        "RFC 9700 section 2.1",
        "The client forwards browsers to addresses of its own only.",
        shown_in("web/test_browser_login.py", "test_signing_in_as_somebody_else_leads_back_to_our_own_page_only"),
    ),
    Requirement(
        "rfc9700-mix-up",
        NONE,
        "RFC 9700 section 2.1 and 4.4.2",
        "Answers of different servers cannot be taken for each other.",
        (
            *shown_in(
                "requirements/test_oauth_client.py",
                "test_issuer_and_service_send_browsers_to_different_addresses_of_ours",
            ),
            *shown_in(
                "flows/test_outcomes.py",
                "test_an_answer_of_another_server_fails_the_call_and_its_code_is_never_exchanged",
            ),
        ),
    ),
    Requirement(
        "rfc9700-audience",
        NONE,
        "RFC 9700 section 2.3",
        "A resource server refuses tokens not meant for it, on every request.",
        (
            *shown_in("web/test_middleware_wire.py", "test_a_token_for_another_audience_is_401_invalid_token"),
            *shown_in("web/test_middleware_issuer.py", "test_a_remembered_token_is_no_good_at_the_neighbour_either"),
        ),
    ),
    Requirement(
        "rfc9700-replay",
        NONE,
        "RFC 9700 section 4.2.4",
        "A state is good once.",
        (
            *shown_in("flows/test_same_user.py", "test_a_replayed_callback_stores_nothing_and_says_so"),
            *shown_in(
                "connections/test_ledger.py", "test_of_fifty_concurrent_redemptions_of_a_state_one_gets_the_visit"
            ),
        ),
    ),
    Requirement(
        "rfc9700-referrer",
        NONE,
        "RFC 9700 section 4.2.4",
        "Pages that see codes load nothing foreign and leave no referrer.",
        shown_in(
            "web/test_pages.py",
            "test_every_page_is_private_and_runs_no_script",
            "test_redirects_leave_no_trace_of_the_address",
        ),
    ),
    Requirement(
        "rfc6749-token-type",
        NONE,
        "RFC 6749 section 7.1",
        "A token of a type that needs a proof of possession is not kept and not sent as a bearer token.",
        shown_in("oauth/test_token.py", "test_an_answer_without_a_usable_token_is_misbehaviour_and_repeats_no_token"),
    ),
    Requirement(
        "rfc9700-no-307",
        NONE,
        "RFC 9700 section 4.12",
        "No redirect repeats a form at the next address.",
        shown_in("requirements/test_oauth_client.py", "test_every_redirect_of_ours_turns_into_a_get"),
    ),
    Requirement(
        "rfc9700-frames",
        NONE,
        "RFC 9700 section 4.16",
        "Pages cannot be framed.",
        shown_in("web/test_pages.py", "test_every_page_is_private_and_runs_no_script"),
    ),
)
