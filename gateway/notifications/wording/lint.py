"""What is probably a mistake in the operator's templates: where they say less than ours, cost more, or promise more."""

from collections.abc import Iterator, Mapping
from dataclasses import fields, replace

from jinja2 import nodes

from gateway.model import Instant, PromiseKind, RecipientKind
from gateway.notifications.messages import Facts, MessageRenderer
from gateway.notifications.topics import TOPICS
from gateway.notifications.wording.grammar import names_in
from gateway.notifications.wording.overrides import BLOCKS, Form, Override
from gateway.notifications.wording.sample import sample_facts
from gateway.notifications.wording.sandbox import environment
from gateway.notifications.wording.sms import sms_size

_EMPTY = {one.name: one.default for one in fields(Facts) if not one.default}  # fact → what it is when not known
PROMISED: Mapping[str, PromiseKind] = {
    "callback_by": PromiseKind.CALLBACK_BY, "window_from": PromiseKind.ARRIVAL_WINDOW,
    "window_until": PromiseKind.ARRIVAL_WINDOW, "eta": PromiseKind.ETA, "etr": PromiseKind.ETR,
    "next_word": PromiseKind.NEXT_WORD, "hear_by": PromiseKind.NEXT_WORD,
}
_SAYS = {  # what a message is for → the facts that say it
    "what happened": frozenset({"device", "cause", "also", "area", "resolution", "incomplete", "because", "what",
                                "credited_for", "note", "whom", "undelivered"}),
    "who sees to it": frozenset({"technician", "provider"}),
    "when they hear from us, or somebody comes": frozenset({*PROMISED, "ring_from", "answer_by", "expected_at",
                                                            "expires_at", "next_at", "opens_at", "due_at"}),
    "the number that they quote": frozenset({"number"}),
}


def lint(renderer: MessageRenderer, now: Instant) -> Iterator[str]:
    """One line for each thing in a template of the operator's, behind its file. It is tried on an example message."""
    facts = sample_facts(now)
    for override in renderer.overrides:
        ours = _names_in_ours(renderer, override)
        for said in (*_breaks(renderer, override, facts), *_says_less(override, ours),
                     *_promises(override, ours), *_costs(renderer, override, facts)):
            yield f"{override.file}: {said}"


def _names_in_ours(renderer: MessageRenderer, override: Override) -> frozenset[str]:
    """The facts that the built-in wording of this form uses."""
    tree = environment({}).parse(renderer.templates[f"{override.topic}.j2"])
    return frozenset().union(*(names_in(block) for block in tree.find_all(nodes.Block)
                               if block.name == BLOCKS[override.form]))


def _breaks(renderer: MessageRenderer, override: Override, facts: Facts) -> Iterator[str]:
    """Where ours can be worded and theirs cannot: with everything known, and without each fact that it uses."""
    if why := _why_broken(renderer, override, facts):
        yield f"breaks when everything is known: {why} — the built-in wording would go out"
        return
    for name in sorted(names_in(override.tree) & _EMPTY.keys()):
        why = _why_broken(renderer, override, replace(facts, **{name: _EMPTY[name]}))
        if why:
            yield (f"breaks when {name} is not known: {why} — expected {{% if {name} %}}…{{% endif %}}, else the "
                   "built-in wording goes out then")


def _why_broken(renderer: MessageRenderer, override: Override, facts: Facts) -> str:
    try:
        message = renderer.word(override.topic, override.locale, facts)
    except Exception:  # ours cannot do without it either: it is always known
        return ""
    return next((one.why for one in message.broken if one.name == override.name), "")


def _says_less(override: Override, ours: frozenset[str]) -> Iterator[str]:
    theirs = names_in(override.tree)
    for what, names in _SAYS.items():
        if ours & names and not theirs & names:
            yield f"does not say {what}, as the built-in wording does — expected {' or '.join(sorted(ours & names))}"


def _promises(override: Override, ours: frozenset[str]) -> Iterator[str]:
    """A time that is told and that nobody follows up."""
    topic = TOPICS[override.topic]
    if RecipientKind.CUSTOMER not in topic.audience:
        return
    for name in sorted((names_in(override.tree) - ours) & PROMISED.keys()):
        if PROMISED[name] not in topic.promises:
            kept = ", ".join(sorted(topic.promises)) or "none"
            yield (f"tells {name}, which {override.topic} does not promise, so nobody notices when it is not kept — "
                   f"expected times that it promises: {kept}")


def _costs(renderer: MessageRenderer, override: Override, facts: Facts) -> Iterator[str]:
    if override.form is not Form.SHORT:
        return
    bare = replace(facts, link="")
    theirs = sms_size(renderer.word(override.topic, override.locale, bare).short)
    ours = sms_size(renderer.with_overrides(type(renderer.overrides)()).word(override.topic, override.locale,
                                                                              bare).short)
    if theirs.parts > ours.parts:
        because = f" because of {theirs.outside[:5]!r}" if theirs.outside and not ours.outside else ""
        yield (f"takes {theirs.parts} SMS before the link ({theirs.units} {theirs.alphabet} characters{because}), the "
               f"built-in wording {ours.parts} — expected at most {160 if ours.alphabet == 'GSM-7' else 70}")
