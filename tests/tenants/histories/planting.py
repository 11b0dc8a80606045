"""Plant a fault: for a while a function of ours does what it does with some words of its source replaced.

What other modules imported of it is changed with it, as it is the same function. A fault whose words are not there any
more cannot be planted, and says so.
"""

from __future__ import annotations
import __future__

import inspect
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any


@dataclass(frozen=True)
class Fault:
    """In `function` (`module.name`) `now` stands in the place of `words`, which occur once."""

    sentence: str
    function: str
    words: str
    now: str

    def __str__(self) -> str:
        return self.sentence


@contextmanager
def planted(fault: Fault) -> Iterator[None]:
    """Let `fault` be there."""
    module, _, name = fault.function.rpartition(".")
    function: Any = inspect.unwrap(getattr(import_module(module), name))
    source = textwrap.dedent(inspect.getsource(function))
    assert source.count(fault.words) == 1, f"{fault.function} has no “{fault.words}”, or more than one."
    source = source[source.index("def ") :].replace(fault.words, fault.now)  # without what decorates it
    made: dict[str, Any] = {}
    code = compile(source, fault.function, "exec", flags=__future__.annotations.compiler_flag)
    exec(code, vars(import_module(module)), made)  # noqa: S102  # our own source
    before, function.__code__ = function.__code__, made[name].__code__
    try:
        yield
    finally:
        function.__code__ = before
