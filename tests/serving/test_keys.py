"""Keys at the command line: named so that they can be told apart, listed without themselves, revoked by prefix."""

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from typer import Typer
from typer.testing import CliRunner

from lianxin.service_commands import keys_create, keys_list, keys_revoke
from serving.access.keys import NAME_LENGTH, create_api_key, list_api_keys, refuse_name, revoke_api_key
from serving.database.opening import create_key, list_keys, revoke_key
from serving.http.refusals import KeyRefused
from serving.store import Store

APP = Typer()
APP.command("create")(keys_create)
APP.command("list")(keys_list)
APP.command("revoke")(keys_revoke)


@pytest.mark.parametrize("name", ["", " ", "\u3000", "x" * (NAME_LENGTH + 1), "a\nb", "a\x1b[2J", "a\u202eb", "\ud800", "a\u2028b", "\x00"])
def test_a_name_that_says_nothing_is_refused_before_a_database_is_made(folder: Path, name: str) -> None:
    with pytest.raises(KeyRefused, match=f"1 to {NAME_LENGTH} visible characters"):
        create_key(name, data=folder / "pg")
    assert not (folder / "pg").exists()


@pytest.mark.parametrize("name", ["Bank A, sandbox", "工商银行（测试）", "x" * NAME_LENGTH, "é"])
def test_a_name_that_can_be_read_is_taken(name: str) -> None:
    refuse_name(name)


def test_the_list_has_every_key_and_never_the_key(owner: Store, empty_bank: UUID) -> None:
    key = create_api_key(owner, empty_bank, "listed")
    prefix = key.split("_")[1]
    (found,) = [record for record in list_api_keys(owner) if record.prefix == prefix]
    assert (found.name, found.revoked_at) == ("listed", None)
    assert found.created_at.tzinfo is not None
    assert key.split("_", 2)[2] not in repr(list_api_keys(owner))
    revoke_api_key(owner, prefix)
    (found,) = [record for record in list_api_keys(owner) if record.prefix == prefix]
    assert found.revoked_at is not None
    assert found.revoked_at >= found.created_at


def test_nothing_is_made_only_to_look(folder: Path) -> None:
    with pytest.raises(KeyRefused, match="twelve hexadecimal digits"):
        revoke_key("lx_zqxjkv", data=folder / "pg")
    for look in (lambda: list_keys(data=folder / "pg"), lambda: revoke_key("0" * 12, data=folder / "pg")):
        with pytest.raises(Exception, match="there is none in"):
            look()
    assert not (folder / "pg").exists()


def test_a_whole_key_given_as_a_prefix_is_not_repeated(folder: Path) -> None:
    with pytest.raises(KeyRefused) as refused:
        revoke_key("lx_000000000000_" + "zqxjkv" * 7, data=folder / "pg")
    assert "zqxjkv" not in str(refused.value)


def test_the_commands_make_list_and_revoke(folder: Path) -> None:
    run, data = CliRunner(), ["--data", str(folder / "pg")]

    def answer(*arguments: str) -> dict[str, object]:
        done = run.invoke(APP, [*arguments, *data, "--json"])
        assert done.exit_code == 0, done.output
        return dict(json.loads(done.stdout))

    key = str(answer("create", "Bank A")["key"])
    prefix = key.split("_")[1]
    keys: Any = answer("list")["keys"]
    assert [(listed["prefix"], listed["name"], listed["revoked"]) for listed in keys] == [(prefix, "Bank A", None)]
    assert answer("revoke", prefix) == {"prefix": prefix, "revoked": True}
    lines = run.invoke(APP, ["list", *data]).stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["prefix", prefix]
    assert "live" not in lines[1]
    refused = run.invoke(APP, ["revoke", prefix, *data])
    assert isinstance(refused.exception, KeyRefused)
