"""What is wrong with a file: each thing with its line, all of them at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass

from refusals.errors import Invalid

MOST_TOLD = 50


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing to mend; `line` counts from 1, 0 for the file as a whole."""

    line: int
    sentence: str

    def __str__(self) -> str:
        return f"Line {self.line}: {self.sentence}" if self.line else self.sentence


class FileNotUnderstood(Invalid):
    """The file cannot be followed as it is. `facts["problems"]` holds every problem with its line."""

    code = "file_not_understood"
    title = "Please mend the file"

    def __init__(self, problems: Iterable[Problem], *, field: str = "document") -> None:
        found = sorted(set(problems))
        self.problems = found[:MOST_TOLD]
        more = f" {len(found) - 1} more to mend." if len(found) > 1 else ""
        super().__init__(f"{found[0]}{more}", field=field, problems=[asdict(each) for each in self.problems])
