"""Every block of the page that describes the online store's format holds."""

from __future__ import annotations

import re
from importlib import resources
from typing import Any

import pytest

from tests.feature_log_rows import make_plan

PAGE = resources.files("headwater.schemas").joinpath("online_store_format.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


def test_the_page_has_blocks_and_all_of_them_are_python() -> None:
    assert len(BLOCKS) >= 7
    assert {language for language, _ in BLOCKS} == {"python"}


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_a_block_holds_after_those_before_it(number: int) -> None:
    names: dict[str, Any] = {"plan": make_plan()}
    for _, code in BLOCKS[: number + 1]:
        exec(compile(code, "online_store_format.md", "exec"), names)


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_a_block_asserts_something(number: int) -> None:
    assert "assert" in BLOCKS[number][1]
