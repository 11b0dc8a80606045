"""Run somebody's chat template (Jinja, as Hugging Face's `tokenizer_config.json` has it) within bounds: it reads what
it is given and writes a text, in bounded time and memory, and reaches nothing else.

Jinja's own sandbox keeps a template from attributes and methods that reach out. It bounds neither time nor memory, so
each loop, call, filter, operation and output is counted here, and everything that it builds is weighed (`values.py`).
Templates that are written here need no counting.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache, wraps
from typing import Any, NoReturn

from jinja2 import Template, TemplateError, TemplateSyntaxError, Undefined, nodes, pass_context
from jinja2.ext import Extension, LoopControlExtension
from jinja2.parser import Parser
from jinja2.runtime import Context, LoopContext, Macro
from jinja2.sandbox import ImmutableSandboxedEnvironment, safe_range
from jinja2.visitor import NodeTransformer

from catalog.prompting import values
from catalog.prompting.values import Beyond, Held, Misused

LONGEST_SOURCE = 64 * 1024  # characters of a template
LONGEST_S = 0.25  # that one rendering may take, and as much again of the processor
MOST_STEPS = 200_000  # loops, calls, filters and operations of one rendering
MOST_WRITTEN = 2 * values.MOST_CHARACTERS  # characters that are written on the way, in macros too
LOOK_EVERY = 32  # steps; looking at the clock costs more than most of them, and one may work on megabytes
LONGEST_FORMAT = 100


class TemplateRefused(Exception):
    """The template is none: `line` of it, from 1 (0: no particular one), and the `reason`."""

    def __init__(self, reason: str, line: int = 0) -> None:
        super().__init__(f"Line {line}: {reason}" if line else reason)
        self.reason, self.line = reason, line


class NotRendered(Exception):
    """The template does not take what it was given; the sentence says why. `is_said`: the template itself says so."""

    def __init__(self, sentence: str, *, is_said: bool = False) -> None:
        super().__init__(sentence)
        self.is_said = is_said


class _Said(Exception):
    """`raise_exception(…)` in a template."""


@dataclass(slots=True)
class _Bounds:
    """What is left of one rendering. After `until` it has only so much work left as `work_until` says."""

    until: float
    work_until: float | None = None
    steps: int = MOST_STEPS
    written: int = MOST_WRITTEN
    looks_at: int = MOST_STEPS - LOOK_EVERY

    def step(self, count: int = 1) -> None:
        self.steps -= count
        if self.steps <= self.looks_at:
            self._look()

    def _look(self) -> None:
        if self.steps < 0:
            raise Beyond(f"takes more than {MOST_STEPS:,} steps")
        if time.monotonic() > self.until:
            self._look_at_work()
        self.looks_at = max(self.steps - LOOK_EVERY, -1)

    def _look_at_work(self) -> None:
        """That time has passed may be others' work on a busy machine: then as much of its own is left to it. What a
        thread has worked is dear to ask, so it is asked of those alone that are late."""
        worked = time.thread_time()
        if self.work_until is None:
            self.work_until = worked + LONGEST_S
        elif worked > self.work_until:
            raise Beyond(f"takes more than {LONGEST_S:g} s of work")


BOUNDS = " bounds"  # no template can name it: names hold no blanks


def _bounds(context: Context) -> _Bounds:
    found: _Bounds = context.parent[BOUNDS]
    return found


@pass_context
def _written(context: Context, value: Any) -> str:
    """What stands in an output, as it is written."""
    bounds = _bounds(context)
    bounds.step()
    text = value if isinstance(value, str) else values.as_text(value)
    bounds.written -= len(text)
    if bounds.written < 0:
        raise Beyond(f"writes more than {MOST_WRITTEN:,} characters")
    return text


@pass_context
def _as_it_is(context: Context, text: str) -> str:
    """Text of the template itself, which is then written as all else is: it may stand in a loop."""
    return text


@pass_context
def _counted(context: Context, found: Any) -> Iterator[Any]:
    """What a loop goes through."""
    bounds = _bounds(context)
    if isinstance(found, Undefined):
        found = ()
    for each in found:
        bounds.step()
        yield each


@pass_context
def _built(context: Context, made: Any) -> Any:
    """A list or object that the template builds."""
    _bounds(context).step(1 + values.weigh(made) // 64)
    return made


@pass_context
def _joined(context: Context, pieces: list[Any]) -> str:
    """What `~` puts together."""
    _bounds(context).step()
    return values.together([each if isinstance(each, str) else values.as_text(each) for each in pieces])


def _filter(work: Callable[..., Any]) -> Callable[..., Any]:
    wants = getattr(getattr(work, "jinja_pass_arg", None), "name", "")  # what Jinja hands it before the value

    @pass_context
    @wraps(work)
    def stepped(context: Context, *given: Any, **named: Any) -> Any:
        bounds = _bounds(context)
        bounds.step()
        first = {"context": (context,), "eval_context": (context.eval_ctx,), "environment": (context.environment,)}
        made = work(*first.get(wants, ()), *given, **named)
        bounds.step(values.weigh(made) // 64)
        return made

    return stepped


class _Sandbox(ImmutableSandboxedEnvironment):
    intercepted_binops = frozenset(("+", "-", "*", "/", "//", "%", "**"))

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        _bounds(context).step()
        return values.reckoned(operator, left, right)

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # as Jinja has it
        bounds = _bounds(__context)
        bounds.step()
        if __obj not in _CALLED and not isinstance(__obj, Macro | LoopContext):
            __obj = values.bounded(__obj, args, kwargs)
        made = super().call(__context, __obj, *args, **kwargs)
        bounds.step(values.weigh(made) // 64)
        return made


class _Generation(Extension):
    """`{% generation %}`: where trainers look for what the assistant says. It writes what stands in it."""

    tags = {"generation"}  # as Jinja declares it

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


class _Watching(NodeTransformer):
    """Puts the counting into a template's tree, and refuses what cannot be counted."""

    def generic_visit(self, node: nodes.Node, *args: Any, **kwargs: Any) -> nodes.Node:
        if isinstance(node, nodes.Block | nodes.Extends | nodes.Include | nodes.Import | nodes.FromImport):
            raise TemplateRefused("other templates cannot be used, nor blocks of them", node.lineno)
        if isinstance(node, nodes.For) and node.recursive:
            raise TemplateRefused("a loop cannot be recursive", node.lineno)
        return super().generic_visit(node, *args, **kwargs)

    def visit_For(self, node: nodes.For) -> nodes.Node:  # as Jinja calls it
        self.generic_visit(node)
        node.iter = _through("_counted", node.iter)
        return node

    def visit_List(self, node: nodes.List) -> nodes.Node:
        return _through("_built", self.generic_visit(node))

    def visit_Dict(self, node: nodes.Dict) -> nodes.Node:
        return _through("_built", self.generic_visit(node))

    def visit_Tuple(self, node: nodes.Tuple) -> nodes.Node:
        self.generic_visit(node)
        return node if node.ctx != "load" else _through("_built", node)

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:
        self.generic_visit(node)
        return _through("_joined", nodes.List(node.nodes, lineno=node.lineno))

    def visit_TemplateData(self, node: nodes.TemplateData) -> nodes.Node:
        return _through("_as_it_is", nodes.Const(node.data, lineno=node.lineno))


def _through(name: str, node: nodes.Node) -> nodes.Filter:
    return nodes.Filter(node, name, [], [], None, None, lineno=node.lineno)


def _raise_exception(said: Any = "") -> NoReturn:
    raise _Said(values.as_text(said)[:300])


def _strftime_now(shape: str = "%d %b %Y") -> str:
    if len(shape) > LONGEST_FORMAT:
        raise Misused("“strftime_now” takes a short format")
    return time.strftime(shape, time.gmtime())


_CALLED = (safe_range, dict, Held, _raise_exception, _strftime_now)


def _environment() -> _Sandbox:
    made = _Sandbox(
        trim_blocks=True,
        lstrip_blocks=True,
        optimized=False,  # it would reckon with constants beforehand, and unbounded
        finalize=_written,
        extensions=[LoopControlExtension, _Generation],
    )
    ours = {"_counted": _counted, "_built": _built, "_joined": _joined, "_as_it_is": _as_it_is}
    taken = {name: _filter(made.filters[name]) for name in values.FILTERS_OF_JINJA}
    made.filters = ours | taken | {name: _filter(work) for name, work in values.FILTERS.items()}
    made.globals = {
        "range": safe_range, "dict": dict, "namespace": Held, "raise_exception": _raise_exception,
        "strftime_now": _strftime_now,
    }  # fmt: skip
    return made


def _unwatched() -> ImmutableSandboxedEnvironment:
    """For the templates that are written here: they go through the messages once, and the counting is most of it."""
    made = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    made.globals = {"raise_exception": _raise_exception}
    return made


_SANDBOX, _OURS = _environment(), _unwatched()


@lru_cache(maxsize=64)
def ours(source: str) -> Template:
    """A template that is written here (`known_templates.py`), ready to be rendered."""
    return _OURS.from_string(source)


@lru_cache(maxsize=4096)
def compiled(source: str) -> Template:
    """A template of somebody's, ready to be rendered. Raises `TemplateRefused`."""
    if len(source) > LONGEST_SOURCE:
        raise TemplateRefused(f"a template has at most {LONGEST_SOURCE:,} characters")
    try:
        tree = _Watching().visit(_SANDBOX.parse(source))
        return Template.from_code(_SANDBOX, _SANDBOX.compile(tree), _SANDBOX.make_globals(None))
    except TemplateSyntaxError as error:
        raise TemplateRefused((error.message or "this cannot be read").rstrip("."), error.lineno) from error
    except (RecursionError, MemoryError, SyntaxError, ValueError, OverflowError) as error:
        raise TemplateRefused("it is nested too deep, or holds what cannot be read") from error


def rendered(template: Template, given: Mapping[str, Any]) -> str:
    """What `template` writes of what it is `given`. Raises `NotRendered`."""
    context = template.new_context({**given, BOUNDS: _Bounds(time.monotonic() + LONGEST_S)})
    try:
        return values.together(list(_pieces(template.root_render_func(context))))
    except _Said as said:
        raise NotRendered(f"The chat template says: {str(said).rstrip('.')}.", is_said=True) from said
    except Beyond as beyond:
        raise NotRendered(f"The chat template {beyond}.") from beyond
    except (TemplateError, Misused) as error:
        raise NotRendered(f"The chat template cannot be rendered: {str(error).rstrip('.')[:300]}.") from error
    except Exception as error:  # it is somebody's own program: whatever it does wrong is a reason, and no fault here
        raise NotRendered(f"The chat template cannot be rendered ({type(error).__name__}).") from error


def _pieces(written: Iterable[str]) -> Iterator[str]:
    left = values.MOST_CHARACTERS
    for piece in written:
        left -= len(piece)
        if left < 0:
            raise Beyond(f"makes more than {values.MOST_CHARACTERS:,} characters of it")
        yield piece
