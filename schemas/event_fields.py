"""What the events of one declared source hold: values by name, path or expression."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from headwater.schemas.avro import AvroRecord
from headwater.schemas.errors import ContractError, ExpressionError
from headwater.schemas.expressions import Expression, Scope
from headwater.schemas.mistakes import Mistakes
from headwater.schemas.plan import ColumnType, Input, Path, TimeUnit, Variable
from headwater.schemas.view import EventSource

TIMESTAMPS: dict[str, TimeUnit] = {"timestamp-millis": "ms", "timestamp-micros": "us"}

_PATH = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*")


@dataclass(frozen=True, slots=True)
class Found:
    """A value of every event of a source: where it comes from (None: there is none, it is null) and what it is.

    `avro_type` is as the schema has it, or the column type of an expression.
    """

    input: Input | None
    type: ColumnType
    avro_type: str
    nullable: bool


class EventFields:
    """Looks up values, notes what is wrong, and remembers which fields were asked for."""

    def __init__(self, source: EventSource, schema: Mapping[str, Any], place: str, mistakes: Mistakes) -> None:
        """`place`: what the source is called in mistakes."""
        self.source = source
        self.place = place
        self._mistakes = mistakes
        self._paths: dict[Path, None] = {}
        self._read: dict[str, Variable] = {}
        self.explode = _path(source.explode) if source.explode else None
        try:
            self._record: AvroRecord | None = AvroRecord(schema, self.explode)
        except ContractError as error:
            self._record = None
            what, _, remedy = str(error).partition("; ")
            mistakes.add(place, f"subject {source.subject_name}: {what}", remedy or "mend the Avro file")
        if self._record is not None and self.explode and self._record.default(self.explode):
            what = f"is {source.explode}, which has elements by default: of what was never written no event can come"
            mistakes.add(f"{place}.explode", what, "make its default [] in the Avro schema")
        self._variables = self._all_variables()
        self._scope = Scope(self._variables)

    @property
    def is_readable(self) -> bool:
        """Whether the schema is one; else nothing will be found, and the mistake is noted already."""
        return self._record is not None

    @property
    def variables(self) -> tuple[Variable, ...]:
        """The variables that the expressions which were asked for read, in the order of the schema."""
        return tuple(variable for variable in self._variables if variable.name in self._read)

    def column(self, where: str, name: str) -> Found | None:
        """The value that features know by this name: one of the source's `columns`, or else the field at the path.

        Returns:
            None, and a mistake is noted, if there is none.
        """
        if name not in self.source.columns:
            return self.path(where, name)
        declared = self.source.columns[name]
        if declared is None:
            return Found(None, "boolean", "null", nullable=True)
        return self.value(f"{self.place}.columns.{name}", declared)

    def value(self, where: str, text: str) -> Found | None:
        """The value of a dotted path or an expression; None, and a mistake is noted, if it is neither."""
        if _PATH.fullmatch(text):
            return self.path(where, text)
        expression = self.expression(where, text)
        if expression is None:
            return None
        return Found(Input(cel=expression.text), expression.type, expression.type, expression.nullable)

    def path(self, where: str, dotted: str) -> Found | None:
        """The field at a dotted path; None, and a mistake is noted, if there is none."""
        if self._record is None:
            return None
        path = _path(dotted)
        try:
            field = self._record.field(path)
        except ContractError as error:
            self._mistakes.add(where, str(error))
            return None
        self._paths[path] = None
        return Found(Input(path=path), field.type, field.avro_type, field.nullable)

    def timestamp_unit(self, path: Path) -> TimeUnit | None:
        """The unit of the timestamp at a path that was found; None if it is not one."""
        logical_type = None if self._record is None else self._record.field(path).logical_type
        return TIMESTAMPS.get(logical_type or "")

    def condition(self, where: str, text: str) -> str | None:
        """The text of an expression that is true or false; None, and a mistake is noted, if it is not."""
        expression = self.expression(where, text)
        if expression is None:
            return None
        if expression.type != "boolean":
            self._mistakes.add(where, f"{text} is a {expression.type}", "write a condition, such as amount > 0.0")
            return None
        return expression.text

    def expression(self, where: str, text: str) -> Expression | None:
        """The checked expression; None, and every problem in it is noted, if it is wrong."""
        if self._record is None:
            return None
        try:
            expression = self._scope.check(text)
        except ExpressionError as error:
            for problem in error.problems:
                self._mistakes.add(where, str(problem), problem.remedy)
            return None
        for variable in expression.variables:
            self._read[variable.name] = variable
            self._paths[variable.path] = None
        return expression

    def reader_schema(self) -> dict[str, Any]:
        """The schema, reduced to what was asked for."""
        if self._record is None:
            return {}
        return self._record.pruned([*self._paths, *([self.explode] if self.explode else [])])

    def _all_variables(self) -> list[Variable]:
        if self._record is None:
            return []
        return [
            Variable(
                name=".".join(path),
                path=path,
                type=field.type,
                nullable=field.nullable,
                timestamp=TIMESTAMPS.get(field.logical_type or "") if field.avro_type == "long" else None,
            )
            for path, field in self._record.scalars().items()
        ]


def _path(dotted: str) -> Path:
    return tuple(dotted.split("."))
