"""What every table's rows are: values, and nothing that watches them being set."""

from functools import cache
from typing import Any

from sqlmodel import SQLModel


class Row(SQLModel):
    """SQLModel reports each column of a new row to the session that it is not in: 111 µs for ten columns where 23 will
    do, and an outage of 10,000 homes makes 30,000 rows while others wait. A new row is written as it stands."""

    def __init__(self, **values: Any) -> None:
        mine = self.__dict__
        for name, default, make in _defaults(type(self)):
            mine[name] = default if make is None else make()
        mine.update(values)

    def __getattr__(self, name: str) -> Any:
        if name == "_sa_instance_state":  # asked of each new row; pydantic takes as long to say no as all else takes
            raise AttributeError(name)
        return super().__getattr__(name)  # type: ignore[misc]


@cache
def _defaults(kind: type[SQLModel]) -> list[tuple[str, Any, Any]]:
    return [(name, field.default, field.default_factory) for name, field in kind.model_fields.items()
            if not field.is_required()]
