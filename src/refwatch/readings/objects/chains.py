"""Which of some chains says most of who keeps an object alive."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

from refwatch.readings.objects.events import ChainsFound
from refwatch.text.sanitize import printable, shorten
from refwatch.wire.heap_values import ChainLink

ROOTS = {"module": 0, "thread": 1, "frame": 2}
"""Types of what keeps other things alive without being held itself, the clearest first: a module
stays, while a frame goes by itself."""
UNKNOWN = len(ROOTS)

NOTATION = {
    "global ": ".{}",
    "attribute ": ".{}",
    "class attribute ": ".{}",
    "index ": "[{}]",
    "value of key ": "[{}]",
    "self of bound method": ".__self__",
}
"""How Python writes the edges that it has a notation for."""

NOT_LOOKED = "who keeps them alive is not known yet"

Chain = Sequence[ChainLink]


def why_no_chain(found: ChainsFound | None) -> str:
    """What is known of objects to which no chain leads: that nobody holds them, or why it is not
    known."""
    if found is None:
        return NOT_LOOKED
    if found.missing:
        return f"who keeps them alive is not known: {found.missing}"
    if not found.looked:  # an older recording's, which proves nothing
        return "no module, frame or thread was found to lead to them"
    of = f"{found.garbage:,} of {found.looked:,}" if found.garbage < found.looked else "all"
    return f"nobody holds {of}: garbage that waits for the collector"


def is_root(link: ChainLink) -> bool:
    """Whether it is what the search is for: a module, a frame or a thread."""
    return link.type in ROOTS and link.edge is None


def most_informative(
    chains: Iterable[Chain], leads: Callable[[Chain], bool] = bool
) -> tuple[ChainLink, ...]:
    """The shortest of those with the clearest root; none of none. Before all others one that
    ``leads`` where it should."""

    def rank(chain: tuple[ChainLink, ...]) -> tuple[bool, int, int]:
        root = chain[-1]
        return not leads(chain), ROOTS[root.type] if is_root(root) else UNKNOWN, len(chain)

    known = [tuple(chain) for chain in chains if chain]
    return min(known, key=rank, default=())


def describe_chain(chain: Sequence[ChainLink], width: int) -> str:
    """How each object of a chain is held by the next, in at most ``width`` characters that are
    safe for a terminal. Where there is no room for that, the expression that leads to the object
    says as much in less, before anything is left out."""
    edges = [f"{edge.edge} of {_what(holder)}" for edge, holder in pairwise(chain)]
    text, path = printable(" ← ".join(edges)), printable(_as_expression(chain))
    if len(text) > width:
        text = path if 0 < len(path) <= width else _both_ends(edges, width)
    return shorten(text, width)


def _as_expression(chain: Sequence[ChainLink]) -> str:
    """``module.name.attribute[0]``; empty where Python has no notation for a part of the way."""
    *links, root = chain
    if root.type != "module" or root.name is None:
        return ""
    text = root.name
    for link in reversed(links):
        edge = link.edge or ""
        word = next((word for word in NOTATION if edge.startswith(word)), None)
        if word is None:
            return ""
        text += NOTATION[word].format(edge.removeprefix(word))
    return text


def _both_ends(edges: list[str], width: int) -> str:
    """What is nearest to the object and to the root stays."""
    text = " ← ".join(edges)
    for kept in range(min(len(edges) - 1, 20), 1, -1):
        if len(text) <= width:
            break
        head = (kept + 1) // 2
        text = " ← ".join([*edges[:head], "…", *edges[head - kept :]])
    return text


def _what(link: ChainLink) -> str:
    if link.name is None or link.name.startswith(link.type):
        return link.name or link.type
    return f"{link.type} {link.name}"
