"""The `gateway` command in this process: as an operator types it, without the seconds a new process takes to import."""

import contextlib
from pathlib import Path

from typer.testing import CliRunner, Result

from gateway.__main__ import app


def gateway(folder: Path, *words: str, **environ: str) -> Result:
    """`gateway(folder, "explain", "T-1")` in that folder, with that environment; a bug of ours is raised here."""
    with contextlib.chdir(folder):
        return CliRunner().invoke(app, words, env=environ, catch_exceptions=False)
