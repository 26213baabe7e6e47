"""The ``weir screen`` commands."""

from pathlib import Path
from typing import Annotated

import typer

from pipelines.failures import reported
from pipelines.terminal import console

screen_app = typer.Typer(help="Train the screen, and say what it promises.", no_args_is_help=True)


@screen_app.command("train")
def train_screen(
    data: Annotated[Path, typer.Option(help="Folder of the labelled sets.")],
    out: Annotated[Path, typer.Option(help="Folder to write screen.npz and card.json to.")],
    date: Annotated[str | None, typer.Option(help="A date to write on the card.")] = None,
) -> None:
    """Train the starter screen from the labelled sets and the policies' golden examples."""
    from transforms.screen.train import train_starter  # imports scikit-learn: seconds

    with reported():
        train_starter(data, out, date)
    console.print(f"the screen is in {out}", markup=False)
