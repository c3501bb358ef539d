"""The command `lianxin`: registers every command and turns refusals into messages. Commands import what they need when they run."""

import signal
import sys
from types import FrameType
from typing import NoReturn

import typer

from credit.errors import LianxinError
from lianxin import (
    advise_command,
    catalogue_command,
    data_commands,
    demo_command,
    model_commands,
    monitor_command,
    release_commands,
    service_commands,
    validate_command,
)

app = typer.Typer(
    name="lianxin",
    help="Credit that small suppliers earn by delivering: raw tables to an explained score. 链信：小供应商凭履约挣得的信用。",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
import_app = typer.Typer(help="Turn other data into the tables of the data contract.", no_args_is_help=True)
ledger_app = typer.Typer(help="Build the ledger the service reads, and add to it.", no_args_is_help=True)
keys_app = typer.Typer(help="API keys of the service.", no_args_is_help=True)
app.add_typer(import_app, name="import")
app.add_typer(ledger_app, name="ledger")
app.add_typer(keys_app, name="keys")

app.command("simulate")(data_commands.simulate)
import_app.command("olist")(data_commands.import_olist)
app.command("check")(data_commands.check)
ledger_app.command("build")(data_commands.ledger_build)
ledger_app.command("update")(data_commands.ledger_update)
app.command("features")(data_commands.features)
app.command("catalogue")(catalogue_command.catalogue)
app.command("train")(model_commands.train)
app.command("challenger")(release_commands.challenger)
app.command("validate")(validate_command.validate)
app.command("approver")(release_commands.approver)
app.command("approve")(release_commands.approve)
app.command("promote")(release_commands.promote)
app.command("release")(release_commands.release)
app.command("rollback")(release_commands.rollback)
app.command("score")(model_commands.score)
app.command("explain")(model_commands.explain)
app.command("advise")(advise_command.advise)
app.command("monitor")(monitor_command.monitor)
app.command("shadow")(monitor_command.shadow)
app.command("serve")(service_commands.serve)
keys_app.command("create")(service_commands.keys_create)
keys_app.command("list")(service_commands.keys_list)
keys_app.command("revoke")(service_commands.keys_revoke)
app.command("demo")(demo_command.demo)


class Interrupted(BaseException):
    """The user pressed Ctrl-C."""


def main() -> None:
    """Run the command line: exit 0 done, 1 refused with a message, 2 wrong use, 130 interrupted."""
    interrupted = False

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal interrupted
        interrupted = True
        raise Interrupted

    signal.signal(signal.SIGINT, interrupt)
    try:
        app()
    except LianxinError as refusal:
        _end(str(refusal), 1)
    except BrokenPipeError:
        sys.exit(1)
    except OSError as refusal:
        _end(f"{refusal.strerror or refusal}: {refusal.filename or ''}".rstrip(": "), 1)
    except (Interrupted, RuntimeError) as end:
        # An engine at work turns Ctrl-C into an error of its own; whatever it raises then, the user interrupted.
        if not interrupted and "interrupted" not in str(end).lower():
            raise
        _end("interrupted; what was finished before stands, nothing half-written is left in its place", 130)


def _end(message: str, code: int) -> NoReturn:
    """Say why on standard error and end with the code."""
    print(f"lianxin: {message}", file=sys.stderr)
    sys.exit(code)
