"""Requirements of the MCP specification: authorization."""

from __future__ import annotations

from tests.requirements.row import BOTH, NEW, Requirement, shown_in

_WIRE = "web/test_middleware_wire.py"
_DOCUMENTS = "requirements/test_documents.py"
_IDENTITY = "requirements/test_identity.py"
_CLIENT = "requirements/test_oauth_client.py"
_SCOPES = "web/test_tool_scopes.py"

AUTHORIZATION = (
    Requirement(
        "authz-prm",
        BOTH,
        "authorization, overview",
        "The server publishes protected-resource metadata.",
        (
            *shown_in(_DOCUMENTS, "test_the_document_is_json_with_status_200_and_names_resource_and_issuer"),
            *shown_in(
                "flows/test_stock_clients.py",
                "test_the_official_client_finds_the_login_connects_and_gets_the_result",
            ),
        ),
    ),
    Requirement(
        "authz-audience-of-every-path",
        BOTH,
        "authorization, token handling",
        "However a path is spelled, the audience checked is that of the server that answers.",
        shown_in(
            "web/test_middleware_issuer.py",
            "test_a_path_with_control_characters_is_nobodys",
            "test_a_token_for_one_server_is_no_good_at_its_neighbour",
        ),
    ),
    Requirement(
        "authz-prm-issuer",
        BOTH,
        "authorization server location",
        "That document lists at least one authorization server.",
        shown_in(_DOCUMENTS, "test_the_document_is_json_with_status_200_and_names_resource_and_issuer"),
    ),
    Requirement(
        "authz-prm-discovery",
        BOTH,
        "protected resource metadata discovery",
        "Clients find the document through the challenge or at a well-known address; the kit offers both.",
        shown_in(
            _DOCUMENTS,
            "test_the_challenge_leads_to_a_document_that_anybody_may_read",
            "test_each_server_of_an_application_has_the_document_of_its_own_address",
        ),
    ),
    Requirement(
        "authz-header",
        BOTH,
        "token requirements",
        "A token is taken from the Authorization header.",
        shown_in(_WIRE, "test_the_scheme_knows_no_case", "test_a_body_is_no_place_for_a_token"),
    ),
    Requirement(
        "authz-no-query",
        BOTH,
        "token requirements",
        "A token in the address is not accepted.",
        shown_in(_WIRE, "test_a_token_in_the_address_is_400_even_beside_a_good_header"),
    ),
    Requirement(
        "authz-every-request",
        BOTH,
        "token requirements",
        "Every HTTP request is authorised by itself, also within a session.",
        shown_in(_IDENTITY, "test_every_request_needs_its_own_token"),
    ),
    Requirement(
        "authz-validate",
        BOTH,
        "token handling",
        "Inbound tokens are validated as an OAuth 2.1 resource server does.",
        (
            *shown_in(
                _WIRE,
                "test_a_token_that_breaks_a_rule_is_401_invalid_token",
                "test_a_forged_token_is_401_invalid_token",
            ),
            *shown_in("identity/test_claims.py", "test_each_claim_has_its_rule"),
            *shown_in("identity/test_signatures.py", "test_every_single_bit_change_of_a_token_is_refused"),
        ),
    ),
    Requirement(
        "authz-audience",
        BOTH,
        "token handling; token audience binding",
        "A token issued for another audience is refused.",
        (
            *shown_in(_WIRE, "test_a_token_for_another_audience_is_401_invalid_token"),
            *shown_in("web/test_middleware_issuer.py", "test_a_token_for_one_server_is_no_good_at_its_neighbour"),
        ),
    ),
    Requirement(
        "authz-401",
        BOTH,
        "token handling; error handling",
        "An invalid or expired token, or none, is answered with 401.",
        shown_in(
            _WIRE,
            "test_a_malformed_token_is_401_invalid_token",
            "test_an_expired_token_is_401_and_says_so_before_it_speaks_of_scope",
            "test_no_token_or_another_scheme_is_401_without_an_error_code",
        ),
    ),
    Requirement(
        "authz-403",
        BOTH,
        "authorization, error handling",
        "A token without the scopes an operation needs is answered with 403.",
        shown_in(
            _SCOPES,
            "test_a_server_wide_scope_is_asked_for_and_then_demanded",
            "test_a_call_without_its_tools_scopes_is_403_with_the_full_set_and_never_reaches_the_tool",
        ),
    ),
    Requirement(
        "authz-challenge-scopes",
        BOTH,
        "authorization, scope selection strategy (a SHOULD)",
        "Every 401 names the same scopes, those that are needed.",
        (
            *shown_in(_WIRE, "test_every_401_names_the_same_scope"),
            *shown_in(_SCOPES, "test_a_server_wide_scope_is_asked_for_and_then_demanded"),
        ),
    ),
    Requirement(
        "authz-step-up",
        BOTH,
        "authorization, scope challenge handling (a SHOULD)",
        "A 403 names the error, the document and all scopes of the call at once, and clients step up by it.",
        shown_in(
            _SCOPES,
            "test_a_call_without_its_tools_scopes_is_403_with_the_full_set_and_never_reaches_the_tool",
            "test_the_official_client_steps_up_by_itself",
        ),
    ),
    Requirement(
        "authz-step-up-order",
        BOTH,
        "token handling; error handling",
        "A token that is no good is told before a scope it lacks: more scopes would not help.",
        shown_in(_SCOPES, "test_an_expired_token_is_told_before_a_missing_scope"),
    ),
    Requirement(
        "authz-public-tools",
        BOTH,
        "access token privilege restriction; error handling",
        "Where some tools are public, all the rest is 401 without a token, and a bad token is not taken for none.",
        shown_in(
            "web/test_public_tools.py",
            "test_everything_else_draws_the_challenge",
            "test_a_bad_token_is_not_taken_for_none",
            "test_other_routes_of_the_application_stay_closed",
        ),
    ),
    Requirement(
        "transport-origin",
        BOTH,
        "transports, security of streamable HTTP",
        "A request whose Origin is not allowed is answered with 403.",
        shown_in(
            "web/test_origins.py",
            "test_any_other_page_is_403_without_a_challenge_even_with_a_good_token",
            "test_two_origins_are_none_of_ours",
            "test_a_page_of_our_own_or_of_the_list_may_call_and_a_program_without_an_origin_too",
        ),
    ),
    Requirement(
        "authz-400",
        BOTH,
        "error handling",
        "A malformed authorization request is answered with 400.",
        shown_in(_WIRE, "test_two_authorization_headers_are_400_without_a_challenge"),
    ),
    Requirement(
        "authz-own-issuer",
        BOTH,
        "token handling",
        "Only tokens of the server's own issuer are accepted.",
        (
            *shown_in(_WIRE, "test_a_forged_token_is_401_invalid_token"),
            *shown_in("identity/test_claims.py", "test_claims_of_another_issuer_are_refused_whoever_asks"),
            *shown_in("identity/test_many_issuers.py", "test_an_issuer_nobody_configured_costs_no_fetch"),
        ),
    ),
    Requirement(
        "authz-validate-first",
        BOTH,
        "access token privilege restriction",
        "Validation comes before anything is done or told.",
        shown_in(_IDENTITY, "test_a_refused_request_reaches_no_tool"),
    ),
    Requirement(
        "authz-no-passthrough",
        BOTH,
        "access token privilege restriction; token passthrough",
        "The client's token is never sent on to another service.",
        shown_in(_IDENTITY, "test_the_callers_own_token_goes_to_no_other_service"),
    ),
    Requirement(
        "authz-token-storage",
        BOTH,
        "token theft",
        "Tokens are stored securely.",
        (
            *shown_in("connections/test_vault.py", "test_neither_person_nor_token_can_be_read_in_the_storage"),
            *shown_in("flows/test_credentials.py", "test_tokens_reach_neither_logs_nor_results_nor_the_store_in_clear"),
        ),
    ),
    Requirement(
        "authz-https",
        BOTH,
        "communication security",
        "Authorization endpoints are https, and redirect addresses https or this machine.",
        (
            *shown_in("core/test_urls.py", "test_an_unsafe_or_ambiguous_base_url_is_refused"),
            *shown_in("oauth/test_metadata.py", "test_no_endpoint_may_be_plain_http"),
            *shown_in(_CLIENT, "test_a_service_is_reached_over_https_only"),
        ),
    ),
    Requirement(
        "authz-pkce",
        BOTH,
        "authorization code protection",
        "Where the kit is a client it uses PKCE with S256.",
        (
            *shown_in("oauth/test_authorization.py", "test_the_request_carries_pkce_and_state_and_each_parameter_once"),
            *shown_in(_CLIENT, "test_each_visit_has_a_verifier_of_its_own_and_only_its_digest_travels_by_browser"),
        ),
    ),
    Requirement(
        "authz-redirect-registered",
        BOTH,
        "open redirection",
        "A client's redirect addresses are registered at the authorization server.",
        shown_in("oauth/test_registration.py", "test_a_public_client_with_codes_only_is_asked_for"),
    ),
    Requirement(
        "authz-application-type",
        NEW,
        "client registration, application type",
        "A registering client states the application type that fits its redirect addresses.",
        shown_in("oauth/test_registration.py", "test_a_public_client_with_codes_only_is_asked_for"),
    ),
    Requirement(
        "authz-issuer-metadata",
        NEW,
        "authorization server metadata discovery",
        "Issuer metadata that names another issuer is not used.",
        shown_in("oauth/test_metadata.py", "test_a_document_of_another_issuer_is_refused"),
    ),
    Requirement(
        "authz-iss-compare",
        NEW,
        "authorization response validation",
        "An `iss` in the response is compared as plain text, before the code is sent anywhere.",
        (
            *shown_in("oauth/test_authorization.py", "test_the_right_server_has_to_answer"),
            *shown_in("web/test_browser_login.py", "test_an_edited_answer_signs_nobody_in"),
        ),
    ),
    Requirement(
        "authz-iss-announced",
        NEW,
        "authorization response validation",
        "A response without `iss` from an issuer that announces it is refused.",
        shown_in("web/test_browser_login.py", "test_an_issuer_that_announces_iss_and_leaves_it_out_is_not_believed"),
    ),
    Requirement(
        "authz-iss-errors",
        NEW,
        "authorization response validation",
        "An error under another server's name is neither acted on nor shown.",
        shown_in(_CLIENT, "test_an_error_in_another_servers_name_is_neither_believed_nor_shown"),
    ),
    Requirement(
        "authz-refresh-kept-secret",
        NEW,
        "refresh tokens",
        "Refresh tokens stay confidential in transit and in storage.",
        shown_in("flows/test_credentials.py", "test_tokens_reach_neither_logs_nor_results_nor_the_store_in_clear"),
    ),
    Requirement(
        "authz-refresh-optional",
        NEW,
        "refresh tokens",
        "A service that gives no refresh token is not taken for broken.",
        shown_in(
            "connections/test_authorization_code.py",
            "test_a_service_whose_tokens_do_not_expire_gives_nothing_to_renew",
        ),
    ),
)
