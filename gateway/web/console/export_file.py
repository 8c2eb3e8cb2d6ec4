"""A file that somebody takes away from the console: named after the day; that it was taken is in the audit log."""

from collections.abc import Iterator

from fastapi.responses import StreamingResponse

from gateway.flow.accounts.audit import write_act
from gateway.model import local
from gateway.model.plan import Plan
from gateway.web.console.session import User


def export_file(user: User, act: str, table: str, lines: Iterator[str], ending: str = "csv",
                media: str = "text/csv; charset=utf-8") -> StreamingResponse:
    """`act` of `table`, as the audit log has it: `export_surveys` gives `surveys-<day>.csv`. `lines` are read as they
    go out."""
    with user.gw.store.write() as session:
        write_act(session, act, (table, ""), Plan(), user.who, user.now)
    day = local(user.now, user.gw.settings.service.callback_timezone).date().isoformat()
    name = f"{act.removeprefix('export_')}-{day}.{ending}"
    return StreamingResponse(lines, media_type=media, headers={
        "content-disposition": f'attachment; filename="{name}"', "cache-control": "no-store"})
