"""Writes the next migration from what the model has and the migrations do not:

    python -m gateway.store.migrations.autogenerate "what it is for"

Read what it wrote before you commit it. `--again` throws the newest one away first: only while it is unreleased.
"""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from alembic.autogenerate import produce_migrations, render_python_code
from alembic.runtime.migration import MigrationContext
from sqlmodel import AutoString, SQLModel

import gateway.model  # noqa: F401  # fills SQLModel.metadata
from gateway.model.devices import PriceColumn
from gateway.model.reasons import ReasonColumn
from gateway.model.states import EnumColumn
from gateway.store import Store
from gateway.store.migrations import FIRST, HERE, newest, upgrade

TEXTS = (AutoString, EnumColumn, PriceColumn, ReasonColumn)
_FILE = '''"""{message}."""

import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = {previous!r}
branch_labels = None
depends_on = None


def upgrade() -> None:
    {body}
'''


def render_item(kind: str, item: Any, _context: Any) -> str | Literal[False]:
    """What is text in the database is plain text: a migration must not depend on the library of its day."""
    return "sa.String()" if kind == "type" and isinstance(item, TEXTS) else False


def write(message: str, again: bool = False) -> Path | None:
    """The new file, or None when the migrations and the model agree."""
    if again:
        sorted((HERE / "versions").glob("[0-9]*.py"))[-1].unlink()
    previous = newest()
    revision = f"{int(previous or FIRST) + bool(previous):04d}"
    body = _body()
    if body is None:
        return None
    slug = "_".join(message.lower().split())
    path = HERE / "versions" / f"{revision}_{slug}.py"
    text = _FILE.format(message=message.capitalize(), revision=revision, previous=previous, body=body)
    path.write_text("\n".join(_lines(text)) + "\n", encoding="utf-8")
    return path


def _lines(text: str) -> Iterator[str]:
    """Without Alembic's own comments, and what stands inside a bracket indented."""
    for line in text.splitlines():
        if "### " not in line:
            yield ("    " + line if line.startswith("    sa.") else line).replace(", ),", "),")


def _body() -> str | None:
    with tempfile.TemporaryDirectory() as directory:
        store = Store(f"sqlite:///{directory}/now.db")
        upgrade(store)
        with store.engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"render_item": render_item})
            steps = produce_migrations(context, SQLModel.metadata).upgrade_ops
        store.close()
    return render_python_code(steps, render_item=render_item) if steps and not steps.is_empty() else None


if __name__ == "__main__":
    words = [word for word in sys.argv[1:] if word != "--again"]
    if len(words) != 1:
        sys.exit(__doc__)
    print(write(words[0], again="--again" in sys.argv) or "nothing to do: the migrations and the model agree")
