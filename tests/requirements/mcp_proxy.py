"""Requirements of the MCP specification that bind us where we are the authorization server: the proxy."""

from __future__ import annotations

from tests.requirements.row import BOTH, Requirement, shown_in

_WIRE = "requirements/test_proxy.py"
_CLIENTS = "web/test_proxy_clients.py"
_CONSENT = "web/test_proxy_consent.py"
_LOGIN = "web/test_proxy_login.py"
_SETUP = "web/test_proxy_setup.py"
_TOKENS = "web/test_proxy_tokens.py"
_CLIENT_METADATA = "oauth/test_client_metadata.py"
_REDIRECTS = "oauth/test_redirects.py"

SERVER = (
    Requirement(
        "proxy-consent-address",
        BOTH,
        "security best practices, consent UI requirements; localhost redirect URI risks",
        "The consent page shows the redirect address, and warns where any program may have it.",
        shown_in(_CONSENT, "test_the_page_shows_the_whole_address_and_warns_where_it_has_no_owner"),
    ),
    Requirement(
        "proxy-metadata",
        BOTH,
        "authorization, overview; authorization server metadata discovery",
        "The authorization server publishes its metadata; here in both forms, at every place clients look.",
        (
            *shown_in(
                _SETUP,
                "test_both_documents_are_alike_and_say_what_clients_insist_on",
                "test_a_base_url_with_a_path_has_its_documents_at_both_places",
            ),
            *shown_in(
                "web/test_proxy_stock_clients.py",
                "test_the_official_client_signs_in_and_calls",
                "test_fastmcps_client_signs_in_and_calls",
            ),
        ),
    ),
    Requirement(
        "proxy-pkce-announced",
        BOTH,
        "authorization code protection",
        "The OpenID form of the metadata names the PKCE methods; without them clients refuse to go on.",
        shown_in(_SETUP, "test_both_documents_are_alike_and_say_what_clients_insist_on"),
    ),
    Requirement(
        "proxy-https",
        BOTH,
        "communication security",
        "Every endpoint of the authorization server is https, and nothing of it exists at a plain address.",
        shown_in("core/test_urls.py", "test_an_unsafe_or_ambiguous_base_url_is_refused"),
    ),
    Requirement(
        "proxy-iss-announced",
        BOTH,
        "authorization response validation",
        "Whoever sends `iss` announces it; every answer has it, refusals too.",
        shown_in(_WIRE, "test_every_answer_to_a_client_names_the_issuer_of_the_metadata_and_the_metadata_says_so"),
    ),
    Requirement(
        "proxy-redirect-exact",
        BOTH,
        "open redirection; redirect URI validation",
        "An address is compared as text with those registered, but for the port of a loopback address.",
        (
            *shown_in(_REDIRECTS, "test_addresses_match_byte_for_byte_but_for_the_port_of_loopback"),
            *shown_in(_CLIENTS, "test_an_unknown_client_or_a_foreign_address_is_a_page_and_never_a_redirect"),
        ),
    ),
    Requirement(
        "proxy-redirect-changed",
        BOTH,
        "security best practices, redirect URI validation",
        "A changed address needs a new registration, and the code is redeemed with the address that got it.",
        (
            *shown_in(_CLIENTS, "test_an_unknown_client_or_a_foreign_address_is_a_page_and_never_a_redirect"),
            *shown_in(_TOKENS, "test_a_token_request_that_differs_from_the_authorization_request_gets_nothing"),
        ),
    ),
    Requirement(
        "proxy-redirect-kinds",
        BOTH,
        "communication security",
        "No plain http away from this machine, and no scheme a browser acts on, can be registered.",
        (
            *shown_in(_REDIRECTS, "test_an_address_that_leads_astray_is_refused"),
            *shown_in(_CLIENTS, "test_a_registration_that_is_not_in_order_is_refused"),
        ),
    ),
    Requirement(
        "proxy-untrusted-redirect",
        BOTH,
        "open redirection",
        "Browsers are not led to a stranger's site by a request that fails.",
        shown_in(_CONSENT, "test_a_request_that_fails_leads_nobody_to_a_strangers_site"),
    ),
    Requirement(
        "proxy-resource",
        BOTH,
        "token audience binding",
        "A token is for the resource that was named, and the issuer hears of it where it understands.",
        (
            *shown_in(_TOKENS, "test_the_resource_goes_to_the_issuer_the_way_it_understands"),
            *shown_in("oauth/test_server_messages.py", "test_a_resource_that_is_not_one_of_ours_is_refused"),
        ),
    ),
    Requirement(
        "proxy-audience",
        BOTH,
        "security best practices, token passthrough",
        "Behind the proxy too, a token of the issuer for anybody else is refused, and so is what we sealed ourselves.",
        shown_in(_WIRE, "test_only_the_issuers_tokens_for_this_server_open_it"),
    ),
    Requirement(
        "proxy-refresh-issuer",
        BOTH,
        "token theft",
        "Where the issuer rotates refresh tokens, ours rotate with them, and a used one ends the whole family.",
        shown_in(_TOKENS, "test_a_refresh_rotates_narrows_and_is_bound_to_its_client"),
    ),
)

DOCUMENTS = (
    Requirement(
        "cimd-address",
        BOTH,
        "client id metadata documents",
        "A client id that is an address is https, has a path, and no fragment, credentials or dot segments.",
        shown_in(_CLIENT_METADATA, "test_only_a_plain_https_address_with_a_path_can_be_a_client_id"),
    ),
    Requirement(
        "cimd-same",
        BOTH,
        "client id metadata documents",
        "The document names its own address, byte for byte.",
        (
            *shown_in(_CLIENT_METADATA, "test_a_document_that_describes_another_or_a_secret_client_is_refused"),
            *shown_in(_CLIENTS, "test_a_document_that_is_not_there_or_not_in_order_is_a_page"),
        ),
    ),
    Requirement(
        "cimd-redirect",
        BOTH,
        "client id metadata documents",
        "The redirect URI of a request is one of the document's.",
        shown_in(_CLIENTS, "test_a_document_of_a_listed_host_is_fetched_once_and_one_of_another_host_never"),
    ),
    Requirement(
        "cimd-structure",
        BOTH,
        "client id metadata documents",
        "The document is a JSON object with an id and addresses that may be registered.",
        shown_in(
            _CLIENTS,
            "test_a_document_that_is_not_there_or_not_in_order_is_a_page",
        ),
    ),
    Requirement(
        "cimd-no-secret",
        BOTH,
        "client id metadata document draft, client metadata",
        "A document that claims a shared secret is refused.",
        shown_in(_CLIENT_METADATA, "test_a_document_that_describes_another_or_a_secret_client_is_refused"),
    ),
    Requirement(
        "cimd-ssrf",
        BOTH,
        "authorization server abuse protection",
        "Documents come from public addresses, of hosts on a list, a few at a time.",
        (
            *shown_in(_WIRE, "test_a_client_document_is_not_fetched_from_an_address_inside"),
            *shown_in(_CLIENTS, "test_a_document_of_a_listed_host_is_fetched_once_and_one_of_another_host_never"),
            *shown_in("web/test_proxy_documents.py", "test_strangers_cannot_make_us_knock_at_many_addresses_at_once"),
        ),
    ),
)

DEPUTY = (
    Requirement(
        "proxy-consent-first",
        BOTH,
        "confused deputy problem",
        "Nobody is sent to the issuer before they have agreed to this client.",
        (
            *shown_in(_LOGIN, "test_a_client_that_registers_itself_signs_in_and_calls"),
            *shown_in(_CONSENT, "test_who_cancels_goes_back_without_a_login"),
        ),
    ),
    Requirement(
        "proxy-consent-per-client",
        BOTH,
        "security best practices, per-client consent storage",
        "What is remembered is one client's, for one address, these scopes and this resource.",
        shown_in(
            _CONSENT,
            "test_what_was_agreed_to_is_remembered_for_an_https_address_and_asked_again_when_anything_differs",
            "test_an_address_that_any_program_here_could_take_is_asked_for_every_time",
        ),
    ),
    Requirement(
        "proxy-consent-page",
        BOTH,
        "security best practices, consent UI requirements",
        "The page names the client and the scopes, and cannot be framed.",
        shown_in(_CONSENT, "test_the_page_says_who_asks_for_what_and_where_the_sign_in_goes"),
    ),
    Requirement(
        "proxy-consent-csrf",
        BOTH,
        "security best practices, consent UI requirements",
        "Agreement counts only in the browser that was shown the page.",
        shown_in(_CONSENT, "test_a_forwarded_link_agrees_to_nothing", "test_an_edited_link_is_no_link"),
    ),
    Requirement(
        "proxy-cookies",
        BOTH,
        "security best practices, consent cookie security",
        "Over https cookies are host-only, secure, hidden from scripts and lax; always they are sealed.",
        (
            *shown_in(_SETUP, "test_over_https_every_cookie_is_bound_to_the_host_and_hidden_from_scripts"),
            *shown_in("core/test_sealing.py", "test_every_single_bit_change_is_refused"),
        ),
    ),
    Requirement(
        "proxy-state-random",
        BOTH,
        "security best practices, OAuth state parameter validation",
        "Every visit to the issuer has a random state of its own.",
        shown_in(_WIRE, "test_every_visit_to_the_issuer_has_a_state_and_a_challenge_of_its_own"),
    ),
    Requirement(
        "proxy-state-after-consent",
        BOTH,
        "security best practices, OAuth state parameter validation",
        "The state is put into a cookie after the person has agreed, on the way out, and not before.",
        shown_in(_WIRE, "test_no_login_is_remembered_before_the_person_has_agreed"),
    ),
    Requirement(
        "proxy-state-checked",
        BOTH,
        "security best practices, OAuth state parameter validation",
        "An answer with another state, or none, is refused.",
        (
            *shown_in(_WIRE, "test_an_answer_of_the_issuer_without_the_state_it_was_given_is_refused"),
            *shown_in(_CONSENT, "test_a_login_begun_in_one_browser_is_not_finished_in_another"),
        ),
    ),
    Requirement(
        "proxy-state-once",
        BOTH,
        "security best practices, OAuth state parameter validation",
        "A state is good once, for ten minutes.",
        shown_in(
            _CONSENT,
            "test_a_login_begun_in_one_browser_is_not_finished_in_another",
            "test_a_page_left_open_too_long_and_a_login_that_took_too_long_are_over",
        ),
    ),
)

PROXY = (*SERVER, *DOCUMENTS, *DEPUTY)
