"""Each sentence of SECURITY.md's lists has tests that prove it, and each of them is there."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from flows.settings import load_settings
from tests.docs.pages import ROOT

ADVICE = (
    "Use an internal integration",
    "To forget everything: delete the folder.",
    "Whoever has it can test guesses against hashes.",
    "Known vulnerabilities of dependencies are **not** looked up",
)
"""Sentences that promise nothing of ours."""

PROOFS = {
    "Requests go to the host in": "client/test_requests.py::test_regions_are_the_servers_own "
    "servers/test_regions.py::test_a_region_of_somebody_else_never_sees_the_token",
    "All requests to Sentry are GET.": "cli/test_check.py::test_nothing_but_get_and_the_token_is_never_shown "
    "client/test_requests.py::test_a_request_as_the_server_sees_it",
    "The address in a `Link` header": "client/test_paging.py::test_a_link_to_another_host_is_not_followed "
    "client/test_redirects.py::test_another_host_sees_nothing "
    "client/test_redirects.py::test_other_origins_in_disguise "
    "export/test_hostile.py::test_attacks_of_every_kind_in_one_run",
    "Nothing is sent anywhere else.": "prefect/test_telemetry.py::test_nothing_leaves_this_machine",
    "Our commands switch Prefect's": "prefect/test_telemetry.py::test_nothing_leaves_this_machine",
    "What its server is told": "prefect/test_parameters.py::test_the_token_is_no_parameter",
    "The dashboard listens": "dashboards/test_server.py::test_the_page_asks_for_nothing_elsewhere "
    "dashboards/test_server.py::test_other_hosts_are_turned_away",
    "TLS certificates are always": "docs/test_security.py::test_no_setting_turns_checking_off "
    "client/test_secrets.py::test_tls_is_verified_and_an_own_authority_is_possible",
    "`ca_bundle` names the file": ""
    "client/test_secrets.py::test_tls_is_verified_and_an_own_authority_is_possible",
    "The usual proxy variables": "client/test_secrets.py::test_proxy_variables_are_heeded",
    "Give it by `SENTRY_AUTH_TOKEN`": "docs/test_security.py::test_the_token_is_read_from_three_places "
    "docs/test_security.py::test_no_option_takes_the_token",
    "It needs to read only.": "cli/test_check.py::test_nothing_but_get_and_the_token_is_never_shown",
    "The README lists the scope": "cli/test_check.py::test_a_token_that_may_more_than_read_gets_a_hint "
    "docs/test_security.py::test_every_table_names_its_scope",
    "An organization's own token": "servers/test_tokens.py::test_each_token_goes_with_its_organization_only "
    "servers/test_tokens.py::test_the_general_token_is_for_the_others",
    "It is sent as a header": "client/test_requests.py::test_a_request_as_the_server_sees_it",
    "It stands in no log": "client/test_secrets.py::test_no_error_shows_the_token "
    "client/test_secrets.py::test_nor_does_one_without_a_connection "
    "export/test_canary.py::test_no_trace_anywhere acceptance/test_strict.py::test_the_token_lies_nowhere",
    "By default e-mail addresses": "export/test_canary.py::test_no_trace_anywhere "
    "export/test_canary.py::test_a_trace_would_be_seen "
    "export/test_demo_canary.py::test_the_demo_shows_and_keeps_nobody "
    "privacy/test_canary.py::test_a_page_of_canaries "
    "privacy/test_pages.py::test_hashes_are_keyed_short_and_the_same_everywhere",
    "`drop` removes them": "privacy/test_kinds.py::test_each_kind_under_each_action "
    "privacy/test_pages.py::test_kept_pages_are_the_same_bytes",
    "A field that Sentry adds, and": "export/test_canary.py::test_no_trace_anywhere "
    "privacy/test_new_fields.py::test_in_every_stream_of_records "
    "privacy/test_new_fields.py::test_inside_of_declared_objects",
    "Equal values have equal hashes": ""
    "privacy/test_joins.py::test_the_same_e_mail_has_the_same_hash_everywhere "
    "export/test_canary.py::test_no_trace_anywhere "
    "export/test_privacy.py::test_hashed_users_are_still_counted",
    "A user id stays": "privacy/test_free.py::test_opaque_ids",
    "Any other is treated as a name.": "privacy/test_free.py::test_ids_that_may_be_names",
    "In free-form parts": "privacy/test_free.py::test_names_that_hide_their_value "
    "privacy/test_free.py::test_nothing_is_overlooked privacy/test_kinds.py::test_headers_that_are_dropped "
    "privacy/test_tags.py::test_a_tag_by_its_key",
    "Cookies, authorization headers": "privacy/test_kinds.py::test_secrets_go_whatever_the_policy "
    "privacy/test_kinds.py::test_credentials_go_where_all_else_is_kept "
    "privacy/test_pages.py::test_client_keys_lose_their_secrets "
    "privacy/test_settings.py::test_credentials_are_dropped_whatever_overrides_say",
    "Of a place only the country": "privacy/test_kinds.py::test_each_kind_under_each_action",
    "Query strings and bodies": ""
    "privacy/test_settings.py::test_requests_and_texts_have_policies_of_their_own",
    "Members, assignees": "privacy/test_pages.py::test_members_are_kept_by_default",
    "Exceptions for single fields": "privacy/test_settings.py::test_overrides_by_field",
    "`sentry-warehouse hash VALUE`": "cli/test_hash.py::test_an_e_mail_address "
    "cli/test_hash.py::test_other_policies_and_overrides",
    "`sentry-warehouse forget": "export/test_forget.py::test_nothing_is_left_and_nothing_comes_back "
    "export/test_forget.py::test_cut_off_again_and_again "
    "export/test_forget.py::test_no_free_block_of_the_file_holds_a_value "
    "export/test_forget.py::test_rows_whose_pages_are_gone_are_blanked "
    "privacy/test_person.py::test_an_event_loses_all_that_was_personal",
    "Changing a policy": "docs/test_security.py::test_a_policy_changes_what_comes",
    "What is archived stays": "docs/test_security.py::test_a_policy_changes_what_comes",
    "Everything lies in one folder": "export/test_privacy.py::test_files_are_their_owners_alone",
    "What `query --output`": "cli/test_query.py::test_what_is_written_is_for_its_owner_alone",
    "With `publish.group_readable`": "export/test_privacy.py::test_files_are_their_owners_alone",
    "Links that somebody planted": "privacy/test_links.py::test_the_writers_file "
    "privacy/test_links.py::test_the_archive privacy/test_links.py::test_what_is_published "
    "privacy/test_links.py::test_an_archive_file_that_is_a_link_is_not_read",
    "`privacy.key` is the one secret": "privacy/test_keyfile.py::test_only_the_owner_may_read_it "
    "acceptance/test_strict.py::test_the_token_lies_nowhere",
    "It is refused when it is a link": "privacy/test_keyfile.py::test_links_are_not_followed "
    "privacy/test_keyfile.py::test_a_key_open_to_others_is_refused "
    "privacy/test_keyfile.py::test_a_key_of_another_user_is_refused",
    "Answers of Sentry are data": "export/test_hostile.py::test_names_are_data_in_every_table "
    "export/test_hostile.py::test_no_file_has_a_name_of_theirs",
    "Bodies have a limit": "export/test_hostile.py::test_attacks_of_every_kind_in_one_run "
    "client/test_network.py::test_a_bomb_of_gzip_costs_no_more_than_the_limit "
    "client/test_network.py::test_slow_drips_are_given_up client/test_paging.py::test_pages_without_end "
    "privacy/test_pages.py::test_a_very_deep_page_is_hidden_or_refused",
    "Large bodies are read one at a time": "export/test_memory.py::test_bombs_and_floods_cost_little",
    "What strangers wrote": "export/test_hostile.py::test_no_terminal_obeys_them",
    "In the reports shown by Prefect": "prefect/test_run_report.py::"
    "test_names_of_strangers_are_shown_as_they_are",
    "Names of configured Discover": "export/test_hostile.py::test_a_discover_query_may_not_be_called_so",
    "Configured Discover queries and SQL": ""
    "cli/test_mistakes.py::test_questions_never_change_what_is_published",
    "Every dependency is locked": "docs/test_audit.py::test_the_locks_are_in_order "
    "docs/test_audit.py::test_a_line",
    "`make check` audits that": ""
    "docs/test_audit.py::test_what_is_declared_must_be_locked_and_the_same_everywhere",
}
"""Beginning of a sentence → the tests that prove it."""


@cache
def sentences() -> list[str]:
    text = (ROOT / "SECURITY.md").read_text("utf-8")
    items = re.findall(r"^- (.*?)(?=^- |^\n|^#|\Z)", text, re.DOTALL | re.MULTILINE)
    return [s for item in items for s in re.split(r"(?<=[.]) (?=[A-Z`])", " ".join(item.split()))]


def test_no_sentence_is_without_proof_and_no_proof_without_sentence() -> None:
    begun = (*PROOFS, *ADVICE)
    for sentence in sentences():
        assert [b for b in begun if sentence.startswith(b)], sentence
    for beginning in begun:
        assert [s for s in sentences() if s.startswith(beginning)], beginning


def test_every_proof_is_there() -> None:
    for proofs in PROOFS.values():
        for proof in proofs.split():
            file, name = proof.split("::")
            assert f"def {name}(" in (ROOT / "tests" / file).read_text("utf-8"), proof


def test_no_option_takes_the_token() -> None:
    commands = (ROOT / "docs" / "commands.md").read_text("utf-8")
    assert "--home" in commands
    assert not re.search(r"--[a-z-]*(?:token(?!-block)|auth|password)", commands)


def test_no_setting_turns_checking_off() -> None:
    names = (ROOT / "docs" / "settings.md").read_text("utf-8").lower()
    assert not re.search(r"`[a-z_]*(?:verify|insecure|ssl)[a-z_]*`", names)


def test_the_token_is_read_from_three_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "token").write_text("of-the-file\n")
    (tmp_path / ".sentryclirc").write_text("[auth]\ntoken = of-the-home\n")
    home = {"HOME": str(tmp_path)}
    assert load_settings(None, environment=home).token == "of-the-home"
    assert (
        load_settings(None, environment={"SENTRY_AUTH_TOKEN": "of-a-variable", **home}).token
        == "of-a-variable"
    )
    (tmp_path / ".sentryclirc").unlink()
    by_file = load_settings(None, {"token_file": str(tmp_path / "token")}, environment=home)
    assert by_file.token == "of-the-file"
    assert "of-the-file" not in repr(by_file) + repr(by_file.token)


def test_every_table_names_its_scope() -> None:
    tables = (ROOT / "docs" / "tables.md").read_text("utf-8")
    streams = re.findall(r"^## Stream (\w+)$", tables, re.MULTILINE)
    assert len(streams) > 8
    assert len(re.findall(r"Token scopes?: ", tables)) == len(streams)


def test_a_policy_changes_what_comes() -> None:
    from transforms.privacy import Policy, Privacy

    hashed = Privacy(Policy(), b"k" * 32).redact(
        "events", b'[{"user":{"email":"a@b.io"}}]', [("user", "user")]
    )
    for later in (Policy(), Policy("keep")):
        assert Privacy(later, b"k" * 32).redact("events", hashed, [("user", "user")]) == hashed
