"""The demo as a newcomer meets it: it says what to open, the line to paste answers, Ctrl-C and kill -9 leave nothing behind."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

pytestmark = pytest.mark.slow
LIANXIN = Path(sys.executable).with_name("lianxin")
SMALL = ["demo", "--suppliers", "300", "--months", "48", "--work", "work", "--home", "mlruns", "--port", "0"]


@contextmanager
def _demo(folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """Run the demo until it says that it serves; whatever is left of it at the end is ended by its id."""
    said = folder / f"said-{time.monotonic_ns()}.txt"
    with said.open("wb") as stream:
        process = subprocess.Popen([str(LIANXIN), *SMALL], cwd=folder, stdout=stream, stderr=stream)
    try:
        deadline = time.monotonic() + 240
        while "Ctrl-C stops" not in said.read_text(encoding="utf-8"):
            assert process.poll() is None and time.monotonic() < deadline, said.read_text(encoding="utf-8")
            time.sleep(0.2)
        yield process, said
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=30)


def _databases(folder: Path) -> list[psutil.Process]:
    """PostgreSQL servers whose data folder belongs to this test's demo."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        line = process.info["cmdline"] or []
        if "-D" in line and re.search(r"postgres$", line[0]) and _place(folder) in line[line.index("-D") + 1]:
            found.append(process)
    return found


def _place(folder: Path) -> str:
    said = max(folder.glob("said-*.txt"), key=lambda path: path.stat().st_mtime).read_text(encoding="utf-8")
    match = re.search(r"PostgreSQL \w+ \(process \d+, folder (.+)\)", said)
    assert match is not None, said
    return match[1]


def _pasted(said: Path) -> dict[str, object]:
    """What the printed curl line answers, sent word for word."""
    text = said.read_text(encoding="utf-8").replace("\\\n", " ")
    words = shlex.split(re.search(r"curl (.+)", text)[1])  # type: ignore[index]
    url = next(word for word in words if word.startswith("http"))
    headers = dict(words[i + 1].split(": ", 1) for i, word in enumerate(words) if word == "-H")
    request = urllib.request.Request(url, words[words.index("-d") + 1].encode(), headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.status == 201
        return dict(json.loads(answer.read()))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("demo")
    os.chmod(place, 0o755)
    return place


def test_the_demo_serves_a_score_that_adds_up_and_a_report_and_ctrl_c_leaves_nothing(folder: Path) -> None:
    with _demo(folder) as (process, said):
        body = _pasted(said)
        total = float(body["base_points"]) + sum(part["points"] for part in body["contributions"])  # type: ignore[arg-type, attr-defined]
        assert abs(total - body["score"]["points"]) <= 1e-9  # type: ignore[index]
        assert body["data_quality"]["validity"] == 1.0  # type: ignore[index]
        link = re.search(r"report page +(\S+)", said.read_text(encoding="utf-8"))[1]  # type: ignore[index]
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        page = opener.open(link, timeout=30).read().decode()
        assert str(body["subject"]["supplier_id"]) in page  # type: ignore[index]
        assert 'lang="zh-CN"' in page
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 0
        assert _databases(folder) == []


def test_the_start_after_a_kill_adopts_the_database_and_leaves_no_second_one(folder: Path) -> None:
    with _demo(folder) as (process, said):
        assert "train: as before" in said.read_text(encoding="utf-8")
        process.kill()
        process.wait(timeout=10)
        assert len(_databases(folder)) == 1
    with _demo(folder) as (process, said):
        assert "PostgreSQL adopted" in said.read_text(encoding="utf-8")
        assert len(_databases(folder)) == 1
        _pasted(said)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 0
    assert _databases(folder) == []
