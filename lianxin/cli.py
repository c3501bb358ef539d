"""The command `lianxin`: registers every command and turns refusals into messages. Commands import what they need when they run."""

import signal
import sys
from types import FrameType
from typing import NoReturn

import typer

from credit.errors import LianxinError
from lianxin import (
    admin_command,
    advise_command,
    audit_command,
    catalogue_command,
    data_commands,
    demo_command,
    doctor_command,
    model_commands,
    monitor_command,
    release_commands,
    report_command,
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
admin_app = typer.Typer(help="Tenants, keys and consents of the service.", no_args_is_help=True)
tenants_app = typer.Typer(help="Banks, suppliers' logins and operators.", no_args_is_help=True)
admin_keys_app = typer.Typer(help="Keys of tenants.", no_args_is_help=True)
consents_app = typer.Typer(help="Consents of suppliers to banks.", no_args_is_help=True)
audit_app = typer.Typer(help="The audit chain: verify, replay, anchor.", no_args_is_help=True)
app.add_typer(admin_app, name="admin")
admin_app.add_typer(tenants_app, name="tenants")
admin_app.add_typer(admin_keys_app, name="keys")
admin_app.add_typer(consents_app, name="consents")
app.add_typer(audit_app, name="audit")

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
app.command("report")(report_command.report)
app.command("monitor")(monitor_command.monitor)
app.command("shadow")(monitor_command.shadow)
app.command("serve")(service_commands.serve)
keys_app.command("create")(service_commands.keys_create)
keys_app.command("list")(service_commands.keys_list)
keys_app.command("revoke")(service_commands.keys_revoke)
tenants_app.command("create")(admin_command.tenants_create)
tenants_app.command("list")(admin_command.tenants_list)
tenants_app.command("close")(admin_command.tenants_close)
admin_keys_app.command("create")(admin_command.keys_create)
admin_keys_app.command("list")(service_commands.keys_list)
admin_keys_app.command("rotate")(admin_command.keys_rotate)
admin_keys_app.command("revoke")(service_commands.keys_revoke)
consents_app.command("record")(admin_command.consents_record)
consents_app.command("list")(admin_command.consents_list)
consents_app.command("withdraw")(admin_command.consents_withdraw)
audit_app.command("verify")(audit_command.verify)
audit_app.command("replay")(audit_command.replay)
audit_app.command("anchor")(audit_command.anchor)
app.command("doctor")(doctor_command.doctor)
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
