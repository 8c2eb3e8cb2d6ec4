"""What a template of the operator's may say: too little to run for ever or grow without end, checked line by line."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from jinja2 import Environment, TemplateSyntaxError, nodes

from gateway.config.error_messages import did_you_mean
from gateway.notifications.catalogue import Catalogue

LISTS = frozenset({"also", "also_late", "items", "undelivered", "to_ring"})  # facts that have several parts
FUNCTIONS = frozenset({"say", "when", "span", "lasts", "count", "sentences"})
FILTERS = frozenset({"clip", "in_brackets", "upper", "lower", "capitalize", "trim", "default", "join", "first", "last",
                     "length"})
MOST_NESTED = 20
_PLAIN = (nodes.Template, nodes.Output, nodes.TemplateData, nodes.Const, nodes.If, nodes.CondExpr, nodes.Compare,
          nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.Concat, nodes.Keyword, nodes.Tuple)
_WRITTEN = {"Mul": "*", "Pow": "**", "Mod": "%", "Div": "/", "FloorDiv": "//", "Add": "+", "Sub": "-",
            "Getitem": "[…]", "CallBlock": "call", "FromImport": "from", "FilterBlock": "filter",
            "AssignBlock": "set … endset", "List": "[…]", "Dict": "{…}"}

Mistake = tuple[int, str]  # line, what is wrong there


@dataclass(frozen=True)
class Words:
    """What a template may name."""

    facts: Collection[str]  # and what is worded for every message
    catalogue: Catalogue


def parse(text: str, environment: Environment) -> tuple[nodes.Template | None, Mistake]:
    """The template as a tree; None, with the line and what is wrong there, when it cannot be read."""
    try:
        return environment.parse(text), (0, "")
    except TemplateSyntaxError as error:
        return None, (error.lineno, error.message or "cannot be read")
    except RecursionError:
        return None, (1, "nested too deeply to be read — expected a few levels")


def mistakes(tree: nodes.Template, words: Words) -> Iterator[Mistake]:
    """All that such a template may not use, in the order in which it stands there."""
    own = {one.target.name for one in tree.find_all(nodes.Assign) if isinstance(one.target, nodes.Name)}
    yield from sorted(_Reader(words, own).read(tree, frozenset(), 0), key=lambda mistake: mistake[0])


class _Reader:
    def __init__(self, words: Words, own: Collection[str]) -> None:
        self._words, self._own = words, own
        self._known = {*words.facts, *own}

    def read(self, node: nodes.Node, loops: frozenset[str], depth: int) -> Iterator[Mistake]:
        """`loops`: the names of the loop that it stands in."""
        if depth > MOST_NESTED:
            yield node.lineno, f"nested too deeply — expected {MOST_NESTED} levels at most"
            return
        match node:
            case nodes.Name():
                if node.name not in self._known and node.name not in loops:
                    yield node.lineno, f"{node.name!r} is not known — {did_you_mean(node.name, self._known)}"
                elif node.name in FUNCTIONS:
                    yield node.lineno, f"{node.name} is a function — expected {node.name}(…)"
            case nodes.Call():
                yield from self._call(node)
            case nodes.Filter():
                yield from self._filter(node)
            case nodes.Test():
                if node.name not in ("defined", "none"):
                    yield node.lineno, f"'is {node.name}' is not for wording — expected is defined, or is none"
            case nodes.Getattr():
                yield from self._part(node, loops)
                return
            case nodes.For():
                yield from self._for(node, loops, depth)
                return
            case nodes.Assign():
                yield from self._set(node)
                yield from self.read(node.node, loops, depth + 1)
                return
            case _ if not isinstance(node, _PLAIN):
                kind = type(node).__name__
                yield node.lineno, (f"{_WRITTEN.get(kind, kind.lower())!r} is not for wording — expected text, "
                                    "{{ … }}, if, set, and for over a list")
        for inner in node.iter_child_nodes(exclude=("node",) if isinstance(node, nodes.Call) else None):
            yield from self.read(inner, loops, depth + 1)

    def _call(self, node: nodes.Call) -> Iterator[Mistake]:
        called, plural = node.node, False
        if isinstance(called, nodes.Getattr) and called.attr == "plural":
            called, plural = called.node, True
        name = called.name if isinstance(called, nodes.Name) else "…"
        if name not in FUNCTIONS or (plural and name != "say"):
            yield node.lineno, f"{name}(…) is not for wording — {did_you_mean(name, FUNCTIONS)}"
        elif node.dyn_args is not None or node.dyn_kwargs is not None:
            yield node.lineno, f"{name}(*…) is not for wording — expected each value by itself"
        elif name == "say":
            yield from self._sentence(node, plural)

    def _sentence(self, node: nodes.Call, plural: bool) -> Iterator[Mistake]:
        """Of a sentence that is named as it stands: whether there is such a one, and what it needs."""
        given = node.args[0] if node.args else None
        if given is None:
            yield node.lineno, "say(…) without the name of a sentence — expected say(\"message.…\")"
        if not isinstance(given, nodes.Const):
            return
        catalogue, id_ = self._words.catalogue, str(given.value)
        if not catalogue.has(id_):
            yield node.lineno, f"there is no sentence {id_!r} — {_alike(id_, catalogue)}"
            return
        missing = catalogue.places(id_) - {one.key for one in node.kwargs} - ({"n"} if plural else set())
        for place in sorted(missing):
            yield node.lineno, f"say({id_!r}) without {place} — expected {place}=…"

    def _filter(self, node: nodes.Filter) -> Iterator[Mistake]:
        if node.name not in FILTERS:
            yield node.lineno, f"'|{node.name}' is not for wording — {did_you_mean(node.name, FILTERS)}"
        elif not all(isinstance(one, nodes.Const) for one in node.args) or node.kwargs or node.dyn_args is not None:
            yield node.lineno, f"'|{node.name}(…)' with what is not written there — expected a number or a text"

    def _part(self, node: nodes.Getattr, loops: frozenset[str]) -> Iterator[Mistake]:
        """`one.name`, of what a loop gives."""
        name = node.node.name if isinstance(node.node, nodes.Name) else "…"
        if name not in loops:
            yield node.lineno, f"'{name}.{node.attr}' is not for wording — expected a part of what a loop gives"
        elif name == "loop" and node.attr not in ("first", "last", "index"):
            yield node.lineno, f"'loop.{node.attr}' — expected loop.first, loop.last or loop.index"

    def _for(self, node: nodes.For, loops: frozenset[str], depth: int) -> Iterator[Mistake]:
        """Over a list, and never one in another: ten thousand times ten thousand would be for ever."""
        over = node.iter.name if isinstance(node.iter, nodes.Name) else None
        target = node.target.name if isinstance(node.target, nodes.Name) else None
        if over not in LISTS:
            shown = over or (f"{node.iter.node.name}(…)" if isinstance(node.iter, nodes.Call)
                             and isinstance(node.iter.node, nodes.Name) else "…")
            yield node.lineno, f"for … in {shown} — expected one of the lists {', '.join(sorted(LISTS))}"
        if target is None or target in self._known:
            yield node.lineno, f"for {target or '…'} — expected one name that nothing else has"
        if loops or node.recursive:
            yield node.lineno, "a loop in a loop is not for wording — expected one after the other"
        inside = loops | {"loop", *([target] if target else ())}
        for inner in (*node.body, *node.else_, *([node.test] if node.test is not None else ())):
            yield from self.read(inner, inside, depth + 1)

    def _set(self, node: nodes.Assign) -> Iterator[Mistake]:
        """From facts alone: one made from another could double, and double again."""
        name = node.target.name if isinstance(node.target, nodes.Name) else ""
        if not name or name in self._words.facts:
            yield node.lineno, f"set {name or '…'} — expected a name that nothing else has"
        used = [one.name for one in (node.node, *node.node.find_all(nodes.Name)) if isinstance(one, nodes.Name)]
        for other in sorted(set(used) & set(self._own)):
            yield node.lineno, f"set {name} from {other}, which is set itself — expected facts"


def names_in(tree: nodes.Node) -> frozenset[str]:
    """Every fact and function that a template, or a part of one, reads."""
    return frozenset(one.name for one in tree.find_all(nodes.Name) if one.ctx == "load")


def _alike(id_: str, catalogue: Catalogue) -> str:
    family = id_.rpartition(".")[0]
    known = [one for one in catalogue.sentences if one.startswith(f"{family}.")]
    return did_you_mean(id_, known) if known else "expected one of the catalogues, e.g. message.your_number"
