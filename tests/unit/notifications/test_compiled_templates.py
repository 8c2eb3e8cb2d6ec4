"""Templates that were compiled once are read as code; whatever is wrong with the files, they are compiled again."""

from pathlib import Path

import pytest
from jinja2 import DictLoader, Environment

from gateway.notifications.catalogues.compiled_templates import CompiledTemplates


@pytest.fixture
def kept(tmp_path: Path) -> CompiledTemplates:
    compiled = CompiledTemplates()
    compiled.directory = str(tmp_path / "kept")
    return compiled


def said(kept: CompiledTemplates, text: str) -> str:
    """By a process of its own, as far as Jinja knows."""
    return Environment(loader=DictLoader({"a": text}), bytecode_cache=kept).get_template("a").render(name="Alice")


def files(kept: CompiledTemplates) -> list[Path]:
    return list(Path(kept.directory).iterdir())


def test_a_template_is_kept_and_another_text_under_its_name_is_not_taken_for_it(kept: CompiledTemplates) -> None:
    Path(kept.directory).mkdir()
    assert said(kept, "Hello {{ name }}") == "Hello Alice"
    [file] = files(kept)
    assert said(kept, "Hello {{ name }}") == "Hello Alice"
    assert said(kept, "Dear {{ name }}") == "Dear Alice"
    assert files(kept) == [file]


@pytest.mark.parametrize("content", [b"", b"j2", b"\0" * 500])
def test_a_file_that_is_broken_is_made_anew(kept: CompiledTemplates, content: bytes) -> None:
    Path(kept.directory).mkdir()
    said(kept, "Hello {{ name }}")
    [file] = files(kept)
    whole = file.read_bytes()
    file.write_bytes(content)
    assert said(kept, "Hello {{ name }}") == "Hello Alice"
    assert file.read_bytes() == whole


def test_where_nothing_can_be_kept_it_is_compiled_each_time(kept: CompiledTemplates) -> None:
    assert said(kept, "Hello {{ name }}") == "Hello Alice"
    Path(kept.directory).write_text("a file where the folder should be")
    assert said(kept, "Hello {{ name }}") == "Hello Alice"
