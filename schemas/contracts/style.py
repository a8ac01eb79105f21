"""What a team asks of a schema beyond that it is valid Avro: names, docs and personal-data tags."""

from __future__ import annotations

import re
from collections.abc import Iterator

from headwater.schemas.contracts.findings import Finding
from headwater.schemas.contracts.parse import PII_ATTRIBUTE
from headwater.schemas.contracts.types import Array, AvroType, Enum, Field, Fixed, Map, Record, Union, all_types

PERSONAL_DATA = ("none", "pseudonymous", "personal", "sensitive")
"""Classes of personal data: no person's; of a person whom other data are needed to name; of a named person; of the
special categories, such as health."""

_SUBJECT = re.compile(r"[A-Za-z0-9._-]{1,200}-(value|key)")
_NAMESPACE = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*")
_TYPE_NAME = re.compile(r"[A-Z][A-Za-z0-9]*")
_FIELD_NAME = re.compile(r"[a-z][a-z0-9_]*")
_SYMBOL = re.compile(r"[A-Z][A-Z0-9_]*")


def subject_findings(subject: str) -> list[Finding]:
    """What is wrong with a subject's name."""
    if _SUBJECT.fullmatch(subject):
        return []
    remedy = "name it <topic>-value or <topic>-key, where the topic has letters, digits, dots, _ and -"
    return [Finding("naming", "", f"{subject!r} names no topic's values or keys", remedy)]


def naming_findings(root: AvroType) -> Iterator[Finding]:
    """Names that do not follow the field's customs: OneRecord, a_field, A_SYMBOL, in a name.space."""
    if isinstance(root, Record) and not _NAMESPACE.fullmatch(root.name.rpartition(".")[0]):
        yield Finding(
            "naming", root.path, f"the {root} has no lower-case namespace", 'add one, such as "namespace": "shop"'
        )
    for each in all_types(root):
        if isinstance(each, Record | Enum | Fixed) and not _TYPE_NAME.fullmatch(each.simple_name):
            yield _misnamed(f"{each.path}.name", each.simple_name, "OneType")
        if isinstance(each, Record):
            for field in each.fields:
                if not _FIELD_NAME.fullmatch(field.name):
                    yield _misnamed(f"{field.path}.name", field.name, "one_field")
        if isinstance(each, Enum):
            for index, symbol in enumerate(each.symbols):
                if not _SYMBOL.fullmatch(symbol):
                    yield _misnamed(f"{each.path}.symbols[{index}]", symbol, "ONE_SYMBOL")


def doc_findings(root: AvroType) -> Iterator[Finding]:
    """Fields that nobody has described."""
    for field in _fields(root):
        if not field.doc.strip():
            yield Finding("docs", field.path, f"{field.name} has no doc", 'say in "doc" what it is, and its unit')


def personal_data_findings(root: AvroType) -> Iterator[Finding]:
    """Fields that do not say whose data they are. A record says it in its fields."""
    classes = ", ".join(PERSONAL_DATA)
    for field in _fields(root):
        if field.pii is None and not _holds_record(field.type):
            what = f"{field.name} does not say whether it is personal data"
            yield Finding("personal-data", field.path, what, f'add "{PII_ATTRIBUTE}": one of {classes}')
        elif field.pii is not None and field.pii not in PERSONAL_DATA:
            what = f"{field.pii!r} is no class of personal data"
            yield Finding("personal-data", f'{field.path}["{PII_ATTRIBUTE}"]', what, f"choose from {classes}")


def _fields(root: AvroType) -> Iterator[Field]:
    for each in all_types(root):
        if isinstance(each, Record):
            yield from each.fields


def _holds_record(type_: AvroType) -> bool:
    match type_:
        case Record():
            return True
        case Array():
            return _holds_record(type_.items)
        case Map():
            return _holds_record(type_.values)
        case Union():
            return any(map(_holds_record, type_.branches))
        case _:
            return False


def _misnamed(path: str, name: str, form: str) -> Finding:
    return Finding("naming", path, f"{name!r} is not written like {form}", "rename it, with the old name as an alias")
