"""The command line as an operator or a script meets it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from audit.models import Entry
from portal.command import main
from tenants import keys, tokens
from tenants.models import ApiKey
from tests.cast import Cast
from tests.installation import atrium


def test_without_a_command_it_lists_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    printed = capsys.readouterr().out
    for command in ("up", "web", "gateway", "worker", "beat", "models", "demo", "key", "token", "doctor", "audit"):
        assert f"    {command} " in printed


def test_a_key_is_printed_alone_and_works(cast: Cast, capsys: pytest.CaptureFixture[str]) -> None:
    path = cast.environment().path
    assert main(["key", "issue", "--environment", path, "--name", "Nightly job"]) == 0
    printed = capsys.readouterr()
    secret = printed.out.strip()
    assert printed.out == f"{secret}\n"
    assert printed.err == ""
    key = ApiKey.objects.get(environment=cast.environment())
    assert key.name == "Nightly job"
    assert secret.startswith(key.prefix) or key.prefix in secret


def test_the_audit_names_the_terminal_or_the_account_that_issued_a_key(
    cast: Cast, capsys: pytest.CaptureFixture[str]
) -> None:
    path = cast.environment().path
    main(["key", "issue", "--environment", path])
    main(["key", "issue", "--environment", path, "--by", "olivia"])
    by_olivia, by_terminal = Entry.objects.filter(verb="key.issued")[:2]
    assert by_terminal.actor_label.startswith("command line (")
    assert by_olivia.actor_id == str(cast.olivia.pk)


def test_a_key_as_json_says_what_it_is_for(cast: Cast, capsys: pytest.CaptureFixture[str]) -> None:
    path = cast.environment("test").path
    assert main(["key", "issue", "--environment", path, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["environment"] == path
    assert ApiKey.objects.get(pk=told["id"]).prefix == told["prefix"]
    assert told["key"]


@pytest.mark.parametrize("path", ["acme/support", "acme/support/nowhere", "acme/other/test", "", "a/b/c/d"])
def test_an_environment_that_is_none_is_refused_in_one_line(
    cast: Cast, capsys: pytest.CaptureFixture[str], path: str
) -> None:
    assert main(["key", "issue", "--environment", path]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert len(printed.err.strip().splitlines()) == 1
    assert repr(path) in printed.err
    assert not ApiKey.objects.exists()


def test_a_token_is_printed_alone_and_is_the_persons(cast: Cast, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["token", "issue", "--user", "dev"]) == 0
    secret = capsys.readouterr().out.strip()
    token = tokens.recognise(secret)
    assert token is not None
    assert token.user == cast.dev


def test_a_token_for_nobody_is_refused(cast: Cast, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["token", "issue", "--user", "nobody"]) == 1
    assert "no active account 'nobody'" in capsys.readouterr().err


def test_the_audit_is_verified_and_a_program_can_read_it(cast: Cast, capsys: pytest.CaptureFixture[str]) -> None:
    keys.issue(environment=cast.environment(), name="One", by=cast.olivia)
    assert main(["audit", "verify", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["is_intact"] is True


@pytest.mark.parametrize("arguments", [["key"], ["key", "issue"], ["token"], ["audit"], ["up", "--nonsense"]])
def test_what_is_not_understood_is_one_line_and_status_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    printed = capsys.readouterr()
    assert len(printed.err.strip().splitlines()) == 1
    assert "--help" in printed.err


@pytest.mark.parametrize(
    ("given", "said"),
    [(["bogus"], "there is no command “bogus”"), (["audit", "verify", "--since", "x"], "“x” is not a day")],
)
def test_what_there_is_not_is_told_in_one_line(
    db: None, capsys: pytest.CaptureFixture[str], given: list[str], said: str
) -> None:
    assert main(given) != 0
    told = capsys.readouterr()
    assert said in told.err and len(told.err.splitlines()) == 1 and not told.out


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out.startswith("atrium ")


def test_every_command_of_django_works(db: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["showmigrations", "--plan", "tenants"]) == 0
    assert "tenants.0001_initial" in capsys.readouterr().out


def test_a_credential_key_is_one_that_encrypts(capsys: pytest.CaptureFixture[str]) -> None:
    from cryptography.fernet import Fernet

    assert main(["credential-key"]) == 0
    assert Fernet(capsys.readouterr().out.strip()).encrypt(b"secret")


def test_without_a_running_database_a_command_says_so_at_once(tmp_path: Path) -> None:
    for command in (["key", "issue", "--environment", "a/b/test"], ["audit", "verify"], ["migrate"]):
        ended = atrium(*command, data_folder=tmp_path / "atrium", timeout_s=30)
        assert ended.returncode == 1, ended
        assert "is not running. Start Atrium" in ended.stderr
        assert len(ended.stderr.strip().splitlines()) == 1, ended.stderr


def test_the_doctor_of_a_stopped_installation_says_how_to_start_it(tmp_path: Path) -> None:
    ended = atrium("doctor", "--json", data_folder=tmp_path / "atrium", timeout_s=30)
    assert ended.returncode == 1
    told = json.loads(ended.stdout)
    assert told["state"] == "bad"
    assert told["parts"] == []
    mends = {finding["name"]: finding["mend"] for finding in told["findings"]}
    assert "make run" in mends["supervisor"]
    assert "make run" in mends["database"]
