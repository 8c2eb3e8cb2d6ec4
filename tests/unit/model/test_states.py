"""Every state and kind says in a sentence what it means, right below its value."""

import ast

from tests import ROOT

ALSO = ("notifications/topics.py", "tickets/lifecycle.py", "tickets/on_call/lifecycle.py", "callbacks/lifecycle.py",
        "outages/lifecycle.py", "notifications/lifecycle.py", "model/lifecycle.py", "model/reasons.py")


def unexplained(source: str) -> list[str]:
    """`Class.MEMBER` of each value of an enum that no sentence follows."""
    found = []
    for one in ast.walk(ast.parse(source)):
        if isinstance(one, ast.ClassDef) and any(isinstance(base, ast.Name) and base.id == "StrEnum"
                                                 for base in one.bases):
            for value, after in zip(one.body, [*one.body[1:], None], strict=True):
                if isinstance(value, ast.Assign) and isinstance(value.targets[0], ast.Name):
                    says = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) and after.value.value
                    if not (isinstance(says, str) and says.rstrip()[-1] in ".:…"):
                        found.append(f"{one.name}.{value.targets[0].id}")
    return found


def test_every_state_and_kind_has_its_sentence() -> None:
    for path in ("model/states.py", *ALSO):
        assert unexplained((ROOT / "gateway" / path).read_text(encoding="utf-8")) == [], path


def test_a_state_without_a_sentence_is_seen() -> None:
    assert unexplained('class DoorState(StrEnum):\n    OPEN = "open"\n    """One may go in."""\n    SHUT = "shut"\n'
                       ) == ["DoorState.SHUT"]
