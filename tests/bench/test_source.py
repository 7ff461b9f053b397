"""The hash of code changes with what the code does and with nothing else."""

from __future__ import annotations

from pathlib import Path

from kgrec.bench.source import meaning, source_hash

CODE = '"""Doc."""\n\nX = 1\n"""About X."""\n\ndef f(a):\n    """Doc."""\n    return a + X  # why\n'


def test_wording_does_not_count(tmp_path: Path) -> None:
    file = tmp_path / "m.py"
    file.write_text(CODE)
    before = meaning(file)
    file.write_text(CODE.replace("Doc", "Better").replace("why", "because").replace("return a + X", "return (a +\n X)"))
    assert meaning(file) == before
    file.write_text(CODE.replace("a + X", "a - X"))
    assert meaning(file) != before
    file.write_text(CODE.replace("X = 1", 'X = "1"'))
    assert meaning(file) != before


def test_modules_and_packages() -> None:
    assert source_hash(("kgrec.metrics",)) == source_hash(("kgrec.metrics",))
    assert source_hash(("kgrec.metrics",)) != source_hash(("kgrec.metrics.ranking",))
