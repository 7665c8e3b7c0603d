"""Requirements of the RFCs about tokens: signed, encrypted, and asked about."""

from __future__ import annotations

from tests.requirements.row import NONE, Requirement, shown_in

_CLAIMS = "identity/test_claims.py"
_ENCRYPTED = "identity/test_encrypted_tokens.py"
_JWE = "identity/test_jwe.py"
_JWE_ATTACKS = "identity/test_jwe_attacks.py"
_OPAQUE = "identity/test_opaque.py"
_SIGNATURES = "identity/test_signatures.py"

TOKEN_RFCS = (
    Requirement(
        "rfc7515-critical",
        NONE,
        "RFC 7515 section 4.1.11",
        "A signed token with a critical extension is refused.",
        shown_in(_SIGNATURES, "test_a_critical_extension_is_refused"),
    ),
    Requirement(
        "rfc7515-unique",
        NONE,
        "RFC 7515 section 4",
        "No member stands twice in a header.",
        shown_in("identity/test_parsing_properties.py", "test_no_member_of_a_header_may_stand_there_twice"),
    ),
    Requirement(
        "rfc7515-steps",
        NONE,
        "RFC 7515 section 5.2",
        "A token with a step of the validation that fails is refused: spelling, JSON, algorithm, signature.",
        shown_in(
            _SIGNATURES,
            "test_a_malformed_token_is_refused_without_asking_the_issuer",
            "test_an_algorithm_off_the_list_is_refused",
            "test_every_single_bit_change_of_a_token_is_refused",
        ),
    ),
    Requirement(
        "rfc7516-unique",
        NONE,
        "RFC 7516 section 4",
        "No member stands twice in the header of an encrypted token.",
        shown_in(_JWE_ATTACKS, "test_a_repeated_header_member_is_refused"),
    ),
    Requirement(
        "rfc7516-critical",
        NONE,
        "RFC 7516 section 4.1.13",
        "An encrypted token with a critical extension, or packed, is refused.",
        shown_in(_JWE_ATTACKS, "test_a_header_we_do_not_want_is_refused_unread"),
    ),
    Requirement(
        "rfc7516-algorithms",
        NONE,
        "RFC 7516 sections 4.1.1 and 4.1.2",
        "Only algorithms on the list open a token, and `enc` is always authenticated encryption.",
        shown_in(
            _JWE_ATTACKS,
            "test_a_key_management_algorithm_off_the_list_is_refused_unread",
            "test_a_content_encryption_off_the_list_is_refused_unread",
        ),
    ),
    Requirement(
        "rfc7516-steps",
        NONE,
        "RFC 7516 section 5.2",
        "A token with a step of the decryption that fails is refused whole.",
        (
            *shown_in(
                _JWE_ATTACKS,
                "test_a_malformed_token_is_refused_before_any_key_is_used",
                "test_a_wrapped_key_that_is_none_does_not_open",
                "test_a_content_key_of_another_size_does_not_open",
                "test_direct_agreement_brings_no_wrapped_key",
                "test_no_bit_of_any_segment_may_change",
            ),
            *shown_in(_JWE, "test_the_rfcs_own_tokens_open"),
        ),
    ),
    Requirement(
        "rfc7516-oracle",
        NONE,
        "RFC 7516 section 11.5",
        "Nobody can tell from outside which step of a decryption failed.",
        (
            *shown_in(_JWE_ATTACKS, "test_every_failure_looks_the_same_outside"),
            *shown_in("attacks/test_encrypted.py", "test_no_refusal_tells_which_step_failed"),
        ),
    ),
    Requirement(
        "rfc7518-curve",
        NONE,
        "RFC 7518 section 4.6; RFC 8725 section 3.5",
        "A sender's key that is no point of our curve is not used.",
        shown_in(
            _JWE_ATTACKS,
            "test_an_ephemeral_key_that_is_no_point_of_our_curve_is_refused",
            "test_a_point_of_small_order_is_refused",
        ),
    ),
    Requirement(
        "rfc7519-audience",
        NONE,
        "RFC 7519 section 4.1.3",
        "A token whose audience is not us is refused.",
        shown_in(_CLAIMS, "test_the_audience_is_ours_byte_for_byte"),
    ),
    Requirement(
        "rfc7519-times",
        NONE,
        "RFC 7519 sections 4.1.4 and 4.1.5",
        "A token counts from its beginning to its end, give or take a minute, and instants are numbers.",
        (
            *shown_in(_CLAIMS, "test_each_claim_has_its_rule", "test_no_number_beyond_numbers_gets_in"),
            *shown_in(
                "identity/test_parsing_properties.py",
                "test_a_token_lasts_until_its_end_and_the_leeway_to_the_second",
                "test_a_token_counts_from_its_beginning_less_the_leeway_on",
            ),
        ),
    ),
    Requirement(
        "rfc7519-unique",
        NONE,
        "RFC 7519 section 4",
        "No claim stands twice in a token.",
        shown_in("identity/test_parsing_properties.py", "test_no_claim_may_stand_there_twice"),
    ),
    Requirement(
        "rfc7519-nested",
        NONE,
        "RFC 7519 sections 5.2 and 7.2",
        "What is inside an encrypted token is what its header says, and a signed token inside is verified.",
        (
            *shown_in(
                _JWE,
                "test_every_spelling_of_a_nested_token_is_accepted",
                "test_content_that_is_neither_or_not_what_the_header_says_is_refused",
            ),
            *shown_in(
                _ENCRYPTED,
                "test_an_encrypted_token_is_judged_by_the_issuer_of_the_signed_one_inside",
                "test_the_rules_for_what_is_inside_are_the_same",
            ),
        ),
    ),
    Requirement(
        "rfc7519-trust",
        NONE,
        "RFC 7519 section 11.1",
        "Encryption alone proves nothing about who made a token.",
        shown_in(_ENCRYPTED, "test_encryption_alone_proves_nothing"),
    ),
    Requirement(
        "rfc8725-algorithms",
        NONE,
        "RFC 8725 sections 3.1 and 3.2",
        "The key decides which algorithms may verify with it, and `none` never may.",
        shown_in(
            _SIGNATURES,
            "test_an_algorithm_off_the_list_is_refused",
            "test_the_public_key_is_no_hmac_secret",
            "test_a_token_of_one_family_is_not_verified_as_another",
        ),
    ),
    Requirement(
        "rfc8725-issuer",
        NONE,
        "RFC 8725 section 3.8",
        "A key verifies its own issuer's tokens only.",
        shown_in("identity/test_many_issuers.py", "test_no_issuer_signs_for_another"),
    ),
    Requirement(
        "rfc8725-kinds",
        NONE,
        "RFC 8725 sections 3.11 and 3.12",
        "Another kind of token is not taken for an access token.",
        (
            *shown_in(_SIGNATURES, "test_tokens_of_another_type_are_refused"),
            *shown_in(
                "identity/test_profiles.py",
                "test_an_id_token_is_no_access_token_even_where_its_audience_is_accepted",
                "test_a_logout_token_is_no_access_token",
            ),
        ),
    ),
    Requirement(
        "rfc7662-asks",
        NONE,
        "RFC 7662 section 2.1",
        "A token is asked about by POST, and we prove who asks.",
        shown_in(_OPAQUE, "test_it_asks_as_the_standard_says", "test_our_client_proves_itself_as_configured"),
    ),
    Requirement(
        "rfc7662-tls",
        NONE,
        "RFC 7662 sections 2 and 4",
        "The endpoint is https.",
        shown_in(_OPAQUE, "test_arguments_that_cannot_work_are_told_at_construction"),
    ),
    Requirement(
        "rfc7662-active",
        NONE,
        "RFC 7662 section 2.2",
        "A token counts when `active` is true, and an answer without it is none.",
        (
            *shown_in(_OPAQUE, "test_a_refused_token_is_asked_about_once_for_a_while"),
            *shown_in("identity/test_asking.py", "test_an_answer_that_is_none_is_never_a_reason_to_sign_in_again"),
        ),
    ),
    Requirement(
        "rfc7662-claims",
        NONE,
        "RFC 7662 section 4",
        "Expiry, beginning and audience of an active token are checked here as well.",
        shown_in(
            _OPAQUE,
            "test_each_claim_has_its_rule",
            "test_a_token_without_audience_is_ours_only_by_its_client_or_the_switch",
        ),
    ),
    Requirement(
        "rfc7662-cache",
        NONE,
        "RFC 7662 section 4",
        "An answer is remembered for a bounded time, and never beyond the token's end.",
        (
            *shown_in(_OPAQUE, "test_a_good_answer_is_remembered_for_a_bounded_time"),
            *shown_in("identity/test_token_cache.py", "test_a_result_dies_with_its_token"),
        ),
    ),
)
