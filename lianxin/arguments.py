"""Arguments and options that several commands share, declared once."""

from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer

Tables = Annotated[Path, typer.Argument(metavar="DIR", help="Folder with the tables of the data contract (CSV, CSV.gz or Parquet).")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
Home = Annotated[Path, typer.Option("--home", help="MLflow's home: mlflow.db and artifacts.")]
Zone = Annotated[str | None, typer.Option("--zone", help="Zone of times without one [default: the import's, or Asia/Shanghai].")]
Bundle = Annotated[Path, typer.Argument(metavar="BUNDLE", help="A released scoring bundle.")]
AsOf = Annotated[
    datetime,
    typer.Option("--as-of", formats=["%Y-%m-%d"], metavar="DATE", help="Nothing known on this day or later is used."),
]
TrustedKey = Annotated[
    str | None,
    typer.Option("--trusted-key", help="Public key in hexadecimal that must have signed the bundle [default: any]."),
]
AllowUnsigned = Annotated[bool, typer.Option("--allow-unsigned", help="Take a bundle that nobody signed.")]
Also = Annotated[
    list[Path] | None,
    typer.Option("--also", metavar="BUNDLE", help="Another bundle (challenger, last champion) that is asked whether the advice holds."),
]

HOME = Path("mlruns")


def iso_date(text: str) -> date:
    """Return the date of an ISO text, or refuse it as wrong use."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is not a date; write it as 2026-06-30") from error
