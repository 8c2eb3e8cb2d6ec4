"""What somebody has typed and not sent: draft.js saves it every five seconds, and shows it again."""

import json
from typing import Annotated, Any

from fastapi import Form, HTTPException
from fastapi.responses import JSONResponse, Response

from gateway.access.rights import Right
from gateway.store.accounts import desk
from gateway.web.console.session import User, needs
from gateway.web.routes import Routes

router = Routes()
PATH = "/console/drafts"
Own = Annotated[User, needs(Right.OWN_ACCOUNT)]
SavesItself = Annotated[User, needs(Right.OWN_ACCOUNT, does_something=False)]
FIELDS, NAME, VALUE = 40, 80, 8000  # at most: how many, characters


@router.get(PATH)
def show_draft(user: SavesItself, key: str = "") -> Response:
    """{"fields": {name: value}, "at": ms} of one form; null: nothing was kept."""
    with user.gw.store.read() as session:
        row = desk.draft(session, user.row.id, key, user.now)
    return JSONResponse(None if row is None else {"fields": row.fields, "at": row.at})


@router.post(PATH)
def save_draft(user: Own, key: Annotated[str, Form()] = "", fields: Annotated[str, Form()] = "") -> Response:
    """`fields`: a JSON object; without one the draft is forgotten."""
    with user.gw.store.write() as session:
        if fields:
            desk.save_draft(session, user.row.id, _short(key), _read(fields), user.now)
        else:
            desk.forget_draft(session, user.row.id, key)
    return Response(status_code=204)


def _short(key: str) -> str:
    if not key or len(key) > NAME:
        raise HTTPException(422, "The draft's key is missing or too long")
    return key


def _read(text: str) -> dict[str, str]:
    """Raises HTTPException 422."""
    try:
        read: Any = json.loads(text)
        fields = {str(name)[:NAME]: str(value)[:VALUE] for name, value in read.items()}
        json.dumps(fields, ensure_ascii=False).encode()  # half of a surrogate pair could not be sent back
    except (ValueError, AttributeError, RecursionError):
        raise HTTPException(422, "The draft cannot be read") from None
    if len(fields) > FIELDS or "\0" in text or "\\u0000" in text:
        raise HTTPException(422, "The draft cannot be kept")
    return fields
