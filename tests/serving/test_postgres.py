"""The embedded database: one server per folder, adopted after a crash, stopped for good, and closed to everyone else."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from credit.errors import ServiceUnavailable
from serving.database import cluster
from serving.database.account import Account, place_for
from serving.database.postgres import EmbeddedPostgres, running_urls
from serving.database.postmaster import is_postmaster_of, running_postmaster

OWNER_PROCESS = """
import sys, time
from pathlib import Path
from serving.database.postgres import EmbeddedPostgres
postgres = EmbeddedPostgres(Path(sys.argv[1]))
postgres.start()
print(postgres.pid, flush=True)
time.sleep(120)
"""


@pytest.fixture(scope="module")
def template() -> Iterator[Path]:
    """A database that was made once, and stopped."""
    place = Path(tempfile.mkdtemp(prefix="lx-test-")).resolve()
    place.chmod(0o711)
    with EmbeddedPostgres(place / "pg"):
        pass
    yield place / "pg"
    shutil.rmtree(place)


def copy_of(template: Path, folder: Path) -> None:
    """Put a copy of the database into the folder, owners and modes as they are."""
    subprocess.run(["cp", "-a", str(template), str(folder / "pg")], check=True)


def start_owner(folder: Path) -> tuple["subprocess.Popen[str]", int]:
    process = subprocess.Popen([sys.executable, "-c", OWNER_PROCESS, str(folder)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, int(process.stdout.readline())


def kill_hard(process: "subprocess.Popen[str]") -> None:
    process.kill()
    process.wait(10)
    assert process.stdout is not None
    process.stdout.close()


def servers_of(folder: Path) -> list[int]:
    return [process.pid for process in psutil.process_iter() if is_postmaster_of(folder / "data", process.pid)]


def connect(server: EmbeddedPostgres, *, as_owner: bool = False) -> psycopg.Connection[tuple[object, ...]]:
    url = server.owner_url() if as_owner else server.app_url()
    return psycopg.connect(host=str(server.socket_folder), dbname="lianxin", user=url.username, password=str(url.password), autocommit=True)


def test_a_file_is_no_folder_for_a_database(folder: Path) -> None:
    file = folder / "file"
    file.write_text("mine", "utf-8")
    link = folder / "link"
    link.symlink_to(file)
    (folder / "pg").mkdir()
    (folder / "pg" / "data").write_text("mine", "utf-8")
    for wished in (file, link, file / "below" / "it", folder / "pg", Path("/dev/null")):
        with pytest.raises(ServiceUnavailable, match=r"is a file\. Name a folder with --data"):
            place_for(wished)
        with pytest.raises(ServiceUnavailable, match=r"is a file\. Name a folder with --data"):
            EmbeddedPostgres(wished)
    assert file.read_text("utf-8") == "mine"


def test_it_starts_answers_and_leaves_no_process(folder: Path) -> None:
    began = time.monotonic()
    with EmbeddedPostgres(folder / "pg") as server:
        assert time.monotonic() - began < 30
        with connect(server) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
            assert connection.execute("SHOW fsync").fetchone() == ("on",)
            assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
        assert servers_of(folder / "pg") == [server.pid]
    assert servers_of(folder / "pg") == []
    assert not (folder / "pg" / "run").exists()


def test_the_next_start_adopts_what_a_killed_process_left(folder: Path, template: Path) -> None:
    copy_of(template, folder)
    process, pid = start_owner(folder / "pg")
    kill_hard(process)
    assert is_postmaster_of(folder / "pg" / "data", pid)
    with EmbeddedPostgres(folder / "pg") as server:
        assert server.was_adopted
        assert server.pid == pid
        assert servers_of(folder / "pg") == [pid]
        with connect(server) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
    assert servers_of(folder / "pg") == []


def test_data_survive_a_killed_server(folder: Path, template: Path) -> None:
    copy_of(template, folder)
    with EmbeddedPostgres(folder / "pg") as server:
        with connect(server, as_owner=True) as connection:
            connection.execute("CREATE TABLE kept (x int)")
            connection.execute("INSERT INTO kept VALUES (7)")
        assert server.pid is not None
        os.kill(server.pid, signal.SIGKILL)
    with EmbeddedPostgres(folder / "pg") as server, connect(server, as_owner=True) as connection:
        assert connection.execute("SELECT x FROM kept").fetchone() == (7,)


def test_a_server_that_is_stopping_is_waited_for(folder: Path, template: Path) -> None:
    copy_of(template, folder)
    process, pid = start_owner(folder / "pg")
    kill_hard(process)
    os.kill(pid, signal.SIGINT)
    with EmbeddedPostgres(folder / "pg") as server:
        assert server.pid != pid
        assert servers_of(folder / "pg") == [server.pid]


def test_a_server_whose_socket_was_swept_away_is_replaced(folder: Path, template: Path) -> None:
    copy_of(template, folder)
    process, pid = start_owner(folder / "pg")
    kill_hard(process)
    (folder / "pg" / "run" / ".s.PGSQL.5432").unlink()
    with EmbeddedPostgres(folder / "pg") as server:
        assert server.pid != pid
        assert servers_of(folder / "pg") == [server.pid]


def test_a_stale_pid_file_with_a_strangers_pid_is_no_server(folder: Path, template: Path) -> None:
    copy_of(template, folder)
    with EmbeddedPostgres(folder / "pg"):
        text = (folder / "pg" / "data" / "postmaster.pid").read_text()
    stranger = subprocess.Popen(["sleep", "60"], **Account("", *_owner(folder), is_other=os.geteuid() == 0).popen_arguments())
    try:
        lines = [str(stranger.pid), *text.splitlines()[1:]]
        (folder / "pg" / "data" / "postmaster.pid").write_text("\n".join(lines))
        assert running_postmaster(folder / "pg" / "data") is None
        with EmbeddedPostgres(folder / "pg") as server:
            assert not server.was_adopted
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def _owner(folder: Path) -> tuple[int, int]:
    found = (folder / "pg" / "data").stat()
    return found.st_uid, found.st_gid


@pytest.mark.parametrize("text", ["", "garbage\n", "0\n", "999999999999\n", "-5\n"])
def test_a_damaged_pid_file_does_not_stop_a_start(folder: Path, template: Path, text: str) -> None:
    copy_of(template, folder)
    (folder / "pg" / "data" / "postmaster.pid").write_text(text)
    with EmbeddedPostgres(folder / "pg") as server:
        assert servers_of(folder / "pg") == [server.pid]


def test_a_second_start_at_the_same_time_is_refused_and_harms_nothing(folder: Path, template: Path) -> None:
    copy_of(template, folder)
    with EmbeddedPostgres(folder / "pg") as server:
        with pytest.raises(ServiceUnavailable, match=f"in use by process {os.getpid()}"):
            EmbeddedPostgres(folder / "pg").start()
        with connect(server) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)


def test_another_major_version_is_refused(folder: Path, template: Path) -> None:
    copy_of(template, folder)
    (folder / "pg" / "data" / "PG_VERSION").write_text("15\n")
    with pytest.raises(ServiceUnavailable, match="written by version 15"):
        EmbeddedPostgres(folder / "pg").start()


def test_lost_passwords_are_said(folder: Path, template: Path) -> None:
    copy_of(template, folder)
    (folder / "pg" / "credentials.json").unlink()
    with pytest.raises(ServiceUnavailable, match=r"credentials\.json"):
        EmbeddedPostgres(folder / "pg").start()


def test_a_failing_start_says_what_the_log_says(folder: Path, template: Path) -> None:
    copy_of(template, folder)
    with (folder / "pg" / "data" / "postgresql.conf").open("a") as conf:
        conf.write("no_such_setting = 1\n")
    with pytest.raises(ServiceUnavailable, match="no_such_setting"):
        EmbeddedPostgres(folder / "pg").start()
    assert servers_of(folder / "pg") == []


def test_an_interrupted_first_start_is_begun_again(folder: Path) -> None:
    (folder / "pg" / "data.part" / "new").mkdir(parents=True)
    with EmbeddedPostgres(folder / "pg") as server:
        assert server.pid is not None
    assert not (folder / "pg" / "data.part").exists()


def test_a_long_path_gets_a_short_socket_folder(folder: Path) -> None:
    long = folder / ("x" * 110) / "pg"
    with EmbeddedPostgres(long) as server:
        socket_folder = server.socket_folder
        assert socket_folder is not None
        assert len(str(socket_folder)) < 60
        assert socket_folder.stat().st_mode & 0o777 == 0o700
    assert not socket_folder.exists()


def test_files_are_private(folder: Path) -> None:
    with EmbeddedPostgres(folder / "pg") as server:
        place = server.place
        assert (place / "credentials.json").stat().st_mode & 0o777 == 0o600
        assert (place / "data").stat().st_mode & 0o777 == 0o700
        assert (place / "run").stat().st_mode & 0o777 == 0o700
        assert not any(password in (place / "postgres.log").read_text() for password in _passwords(place))


def _passwords(place: Path) -> list[str]:
    made = cluster.read_or_make_credentials(place, has_data=True)
    return [made.admin, made.owner, made.app]


def test_the_application_role_is_restricted(folder: Path, template: Path) -> None:
    copy_of(template, folder)
    with EmbeddedPostgres(folder / "pg") as server, connect(server) as connection:
        row = connection.execute(
            "SELECT rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls FROM pg_roles WHERE rolname = current_user"
        ).fetchone()
        assert row == (False, False, False, False, False)
        assert connection.execute("SELECT count(*) FROM pg_class WHERE relowner = current_user::regrole").fetchone() == (0,)
        for statement in ("CREATE TABLE t (x int)", "CREATE SCHEMA s", "CREATE TEMP TABLE t (x int)", "CREATE DATABASE d", "CREATE ROLE r"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement.encode())


def test_nobody_enters_without_a_password(folder: Path, template: Path) -> None:
    copy_of(template, folder)
    with EmbeddedPostgres(folder / "pg") as server:
        for user in ("lianxin_admin", "lianxin_owner", "lianxin_app"):
            with pytest.raises(psycopg.OperationalError, match="password"):
                psycopg.connect(host=str(server.socket_folder), dbname="lianxin", user=user, password="")


def test_the_owners_address_is_found_while_it_runs(folder: Path, template: Path) -> None:
    copy_of(template, folder)
    assert running_urls(folder / "pg") is None
    with EmbeddedPostgres(folder / "pg") as server:
        assert running_urls(folder / "pg") == (server.owner_url(), server.app_url())
    assert running_urls(folder / "pg") is None


def test_unreachable_binaries_are_copied(folder: Path, template: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy_of(template, folder)
    real = Account.may_traverse
    monkeypatch.setattr(Account, "may_traverse", lambda self, place: "site-packages" not in str(place) and real(self, place))
    with EmbeddedPostgres(folder / "pg") as server:
        copies = list((folder / "pg").glob("binaries-18-*"))
        assert len(copies) == 1
        assert server.pid is not None
        assert psutil.Process(server.pid).exe().startswith(str(copies[0]))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root needs another place")
def test_root_puts_the_data_where_the_servers_user_may_go(folder: Path) -> None:
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    assert place_for(closed / "pg").parent == Path("/var/lib/lianxin")
    assert closed.stat().st_mode & 0o777 == 0o700
    assert place_for(folder / "pg") == folder / "pg"
