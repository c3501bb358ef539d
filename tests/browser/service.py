"""The service as `lianxin serve` starts it, in a process of its own; a test asks it in lines for what only its process can make."""

import json
import sys
import threading
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from serving.access.keys import authenticate, create_api_key, revoke_api_key
from serving.access.tenants import create_supplier
from serving.schemas import Purpose
from serving.server import RunningService, serve

BANK = "河湾银行"
SUPPLIER_AT = 5


def main() -> None:
    """Serve the parts in the folder until a signal."""
    parts, data = map(Path, sys.argv[1:])
    serve(bundle=parts / "bundle", ledger=parts / "ledger", port=0, data=data, on_ready=_answer_in_lines)


def _answer_in_lines(running: RunningService) -> None:
    threading.Thread(target=_answer, args=(running,), daemon=True).start()


def _answer(running: RunningService) -> None:
    """Say who may come in, then answer each line: a page to make a one-time link to, or a key to revoke."""
    owner, suppliers = running._owner, [str(each) for each in running.ledger.supplier_ids]
    supplier = suppliers[SUPPLIER_AT]
    officer = running.create_key(BANK)
    running.record_consents(BANK, suppliers, list(Purpose), datetime.now(UTC) + timedelta(days=30))
    login = create_supplier(owner, supplier)
    # What is compiled and worked out once is not a visitor's to wait for.
    with urllib.request.urlopen(f"{running.url}/docs", timeout=600) as answer:
        answer.read()
    _say(
        url=running.url,
        supplier=supplier,
        suppliers=suppliers,
        as_of=running.ledger.latest_as_of.isoformat(),
        supplier_key=create_api_key(owner, login, "login"),
        officer_key=officer,
        second_key=create_api_key(owner, authenticate(owner, officer).tenant_id, "second officer"),
    )
    for line in sys.stdin:
        asked = json.loads(line)
        if "revoke" in asked:
            revoke_api_key(owner, asked["revoke"].split("_")[1])
            _say()
        elif "new_key" in asked:
            _say(key=create_api_key(owner, login, asked["new_key"]))
        else:
            _say(link=running.login_link(asked["key"], asked["page"]))


def _say(**told: Any) -> None:
    print(json.dumps(told), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
