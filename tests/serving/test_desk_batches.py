"""Batches at the desk: a file chosen or ids pasted, followed without a script, fetched when done."""

import csv
import io
import re
import uuid
from collections.abc import Iterator

import httpx
import pytest
from fastapi import FastAPI

from features.ledger import Ledger
from serving.access.keys import create_api_key
from serving.app import create_app
from serving.desk.frame import SCRIPT_POLICY
from serving.settings import ServiceSettings
from serving.store import Store
from serving.swap.history import note_start
from serving.swap.shelf import Shelf
from tests.serving.conftest import reachable_folder
from tests.serving.desk import HIDDEN, Person, check
from tests.serving.swaps import make_pair
from training.bundle import ScoringBundle


@pytest.fixture(scope="module")
def app(bundle: ScoringBundle, ledger: Ledger, store: Store, owner: Store) -> Iterator[FastAPI]:
    for place in reachable_folder():
        make_pair(bundle, place)
        first = ScoringBundle.load(place / "first")
        note_start(owner, "first", first.content_hash, "1")
        settings = ServiceSettings(rate_burst=100_000, rate_per_second=10_000, batch_rows=50)
        yield create_app(settings, first, ledger, store, shelf=Shelf(place))


@pytest.fixture
def person(app: FastAPI, key: str) -> Person:
    return Person(app, key)


def upload(person: Person, file: bytes = b"", **fields: str) -> httpx.Response:
    told = dict(HIDDEN.findall(person.read("/desk/batches").text)) | {"purpose": "credit_application"} | fields
    chosen = {"file": ("suppliers.csv", file, "text/csv")}
    answer = person.client.post("/desk/batches", data=told, files=chosen, headers={"Origin": "http://testserver"})
    return answer if answer.status_code == 303 else check(answer)


def test_a_file_is_scored_followed_and_fetched(app: FastAPI, person: Person, ledger: Ledger) -> None:
    suppliers = [str(each) for each in ledger.supplier_ids[:4]]
    answer = upload(person, ("\ufeffsupplier_id\r\n" + "\r\n".join([*suppliers, "S-NO-CONSENT"]) + "\r\n").encode())
    assert answer.status_code == 303
    place = answer.headers["location"]
    waiting = person.read(place)
    assert waiting.headers["content-security-policy"] == SCRIPT_POLICY
    assert f'hx-get="{place}"' in waiting.text
    assert f'<a href="{place}">Refresh</a>' in waiting.text
    while app.state.worker.work():
        pass
    done = person.read(place)
    assert "hx-get" not in done.text
    assert "<script" not in done.text
    assert "5 of 5 rows" in done.text
    links = re.findall(rf'href="({place}/[^"]+)"', done.text.replace("&amp;", "&"))
    assert [link.rpartition("/")[2] for link in links] == ["results?format=csv", "results?format=jsonl", "results?format=parquet", "errors"]
    rows = list(csv.DictReader(io.StringIO(person.client.get(links[0]).content.decode("utf-8-sig"))))
    assert [row["supplier_id"] for row in rows] == suppliers
    errors = list(csv.DictReader(io.StringIO(person.client.get(links[3]).content.decode("utf-8-sig"))))
    assert [(row["row"], row["code"]) for row in errors] == [("5", "consent_missing")]
    listed = person.read("/desk/batches").text
    assert re.search(rf'{place}">.{{16}}</a></th><td>a credit application</td><td>Finished</td><td class="number">5</td>', listed)


def test_pasted_ids_do_as_well_and_a_form_sent_twice_makes_one_batch(person: Person, ledger: Ledger) -> None:
    pasted = "\n".join(str(each) for each in ledger.supplier_ids[4:7])
    places = [upload(person, rows=pasted, key="p" * 24).headers["location"] for _ in range(2)]
    assert places[0] == places[1]
    assert "of 3 rows" in person.read(places[0]).text


@pytest.mark.parametrize(
    "file", [b"", b"PK\x03\x04", b"moon\nS1\n", "supplier_id\n供应商".encode("gb18030"), b"supplier_id\n" + b"S\n" * 60]
)
def test_what_cannot_be_read_is_told(person: Person, file: bytes) -> None:
    answer = upload(person, file)
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text


def test_a_foreign_form_and_another_bank_see_nothing(
    app: FastAPI, person: Person, owner: Store, empty_bank: uuid.UUID, ledger: Ledger
) -> None:
    assert upload(person, b"supplier_id\nS1\n", token="x").status_code == 403
    place = upload(person, rows=str(ledger.supplier_ids[8])).headers["location"]
    stranger = Person(app, create_api_key(owner, empty_bank, "first officer"))
    for path in (place, f"{place}/results", f"{place}/errors"):
        assert stranger.client.get(path).status_code == 404
    assert place not in stranger.read("/desk/batches").text
