"""The end of a headless run in a few lines of plain text, for stderr."""

from __future__ import annotations

import shlex
from textwrap import wrap

from refwatch.export.allocations import seen_by, top
from refwatch.model.events import NOT_BEGUN
from refwatch.model.references import Garbage
from refwatch.model.states import ThreadState
from refwatch.session.allocations import Allocations, By
from refwatch.session.blockers import children_sentence, known_limits
from refwatch.session.chains import clearest, way_in_words, why_no_chain
from refwatch.session.diagnosis import diagnose
from refwatch.session.diagnosis_memory import memory_sentence
from refwatch.session.judged import judged, slower_sentence
from refwatch.session.large import large_sentence
from refwatch.session.process import ProcessState, ThreadRecord
from refwatch.session.reference_records import ChainsRecord, is_much
from refwatch.session.references import References
from refwatch.session.sentences import printable
from refwatch.session.state import State
from refwatch.session.suspects import Suspicion, follows, suspicions
from refwatch.session.troubles import rate, worst_trouble

MAX_LINES = 12
MAX_THREADS = 5
MAX_SUSPECTS = 3
MAX_SENTENCE = 2
WIDTH = 100  # of a line, where a name or a path has no end
WIDEST = 120  # of the line with a chain, which should be whole
LABEL = 9
LONGEST_PYTHON = 48  # of the path of the interpreter


def summary_lines(state: State) -> list[str]:
    """At most twelve lines without colour: the end, the worst trouble (leaks with what keeps them
    alive, or memory that grows), the verdict, the GIL, allocations, threads, objects, memory,
    cost. Of a program that did not begin there are the end and the reason alone."""
    process = state.main
    head = [_line("target", _target(state)), *_program(state)]
    if state.limits.get("program", "").startswith(NOT_BEGUN):  # Python has said why
        return head
    verdict = [_line("verdict", diagnose(state).sentence)]
    tail = _cost(state) + _limits(state)
    if process is None:
        return head + verdict + tail
    leaks = _suspects(process.references)
    head += leaks or _growth(process)
    head += verdict + _children(process, verdict)
    head += _not_judged(process.references, state, leaks) + _gil(process)
    head += _allocations(process.allocations)
    objects, memory = _objects(process.references) + _largest(process), _memory(process)
    room = MAX_LINES - len(head) - len(objects + memory + tail)
    memory += _memory_sentence(process, min(room, MAX_SENTENCE))
    room = MAX_LINES - len(head) - len(objects + memory + tail)
    return head + _threads(process, state, min(room, MAX_THREADS)) + objects + memory + tail


def _growth(process: ProcessState) -> list[str]:
    """Memory that grows, or is free and stays; what more is known of it comes further down."""
    trouble = worst_trouble(process, ()).partition(": ")[2]
    return [_line("growth", _cut(trouble, WIDEST - LABEL))] if trouble else []


def _children(process: ProcessState, verdict: list[str]) -> list[str]:
    """What they used, if the verdict does not say so."""
    sentence = children_sentence(process)
    return [_line("children", sentence)] if sentence and sentence not in verdict[0] else []


def _line(label: str, text: str) -> str:
    return f"{label:<{LABEL}}{text}".rstrip()


def _target(state: State) -> str:
    """The command with its interpreter, whose folder tells which environment it was."""
    python, *words = (state.target and state.target.argv) or ["none"]
    python = _tail(shlex.quote(python), LONGEST_PYTHON)
    command = _cut(f"{python} {shlex.join(words)}".rstrip(), WIDEST - 40)
    return f"{command} · {_end(state)} · {_seconds(state.now)}"


def _program(state: State) -> list[str]:
    """Why it has not begun, or which interpreter has what it lacked, where that is known."""
    why = state.limits.get("program")
    return [_line("program", printable(why))] if why else []


def _end(state: State) -> str:
    if state.exited is None:
        return "still running"
    if state.exited.exit_code is None:
        return "ended, status unknown"
    return f"exit status {state.exited.exit_code}"


def _not_judged(known: References, state: State, leaks: list[str]) -> list[str]:
    """What grows, though it is no suspect; beside no leak why it is not known whether anything else
    does."""
    limit = state.limits.get("census")
    looked = not leaks and (known.census.taken or known.failure or limit)
    why = judged(known, limit).because(over=known.over) if looked else ""
    why = "; ".join(filter(None, (slower_sentence(known), why)))
    return [_line("leak", _cut(why, WIDEST - LABEL))] if why else []


def _suspects(known: References) -> list[str]:
    """What keeps growing, without what grows along with it."""
    found = suspicions(known)
    if not found:
        return []
    shown = [one for one in found if follows(one.name) == follows(found[0].name)]
    lines = [
        _line("" if index else "leak", _suspect(one, known))
        for index, one in enumerate(shown[:MAX_SUSPECTS])
    ]
    if len(shown) > MAX_SUSPECTS:
        lines[-1] += f"  (and {len(shown) - MAX_SUSPECTS} more)"
    return lines


def _suspect(suspicion: Suspicion, known: References) -> str:
    module, name = suspicion.name
    full_name = _cut(name if module == "builtins" else f"{module}.{name}", 40)
    text = f"{full_name} grows by {rate(suspicion.per_second)}: "
    return text + _held_by(known.holders_of(suspicion.name), WIDEST - LABEL - len(text))


def _held_by(found: ChainsRecord | None, width: int) -> str:
    """The clearest chain."""
    if found is None:
        return "who keeps them alive was not found out"
    chain = clearest(found.chains)
    if not chain:
        return why_no_chain(found)
    return way_in_words(chain, max(width, 40))


def _objects(known: References) -> list[str]:
    parts: list[str] = []
    census = known.census
    if census.taken:
        pause = max(known.pauses, default=0.0)
        parts.append(
            f"{census.objects} in the heap ({_plural(census.taken, 'census', 'censuses')}, "
            f"pauses of {_seconds(pause)} at most)"
        )
        parts += _garbage(census.garbage)
    if known.watched:
        died = sum(one.died for one in known.watched.values())
        least = "at least " if known.forgets_objects else ""
        number = _plural(len(known.watched), "object", "objects")
        parts.append(f"{least}{number} watched, {least}{died} died")
    return [_line("objects", " · ".join(parts))] if parts else []


def _largest(process: ProcessState) -> list[str]:
    sentence = large_sentence(process, WIDEST - LABEL)
    return [_line("largest", sentence)] if sentence else []


def _garbage(found: Garbage | None) -> list[str]:
    """What waits for the collector, where it is worth a word."""
    if found is None or not is_much(found):
        return []
    return [f"garbage that waits for the collector: {found.objects}, {_size(found.bytes)}"]


def _plural(number: int, one: str, more: str) -> str:
    return f"{number} {one if number == 1 else more}"


def _gil(process: ProcessState) -> list[str]:
    gil = process.gil
    if gil.present is False:
        return [_line("GIL", "none in this interpreter")]
    held, contention = gil.held_fraction, gil.contention
    if held is None or contention is None:
        return []
    waiting = f"{contention:.1f} threads waiting for it on average"
    return [_line("GIL", f"{_percent(held)} held, {waiting}, {gil.handoffs} handoffs")]


def _allocations(known: Allocations) -> list[str]:
    """The line that allocates most, or has most; and how that is known."""
    mode = seen_by(known)
    first = next(iter(top(known, By.LINE, most=1)), None)
    if first is None or not isinstance(first[0], int):
        return []
    site, figures = known.site(first[0]), first[1]
    where = f"{_tail(site.file, 32)}:{site.line} {_cut(site.function, 24)}".rstrip()
    if mode == "exact":
        whole = f"{_size(known.traces.traced)} in {_plural(known.traces.blocks, 'block', 'blocks')}"
        return [_line("alloc", f"exact: {whole} · most {where}: {_size(figures.size)}")]
    rate, error = figures.byte_rate or (0.0, 0.0)
    sure = f"±{_percent(2 * error / rate)}" if rate else ""
    share = f"seen {_percent(known.windows.coverage)} of the time"
    return [_line("alloc", f"burst, {share} · most {where}: {_size(rate)}/s {sure}".rstrip())]


def _threads(process: ProcessState, state: State, most: int) -> list[str]:
    sampled = [thread for thread in process.threads.values() if thread.watched_s > 0]
    busiest = sorted(sampled, key=lambda t: (-round(_busy_s(t), 3), t.started_s))[:most]
    width = max((len(_name(thread)) for thread in busiest), default=0)
    lines = [
        _line("" if index else "threads", f"{_name(thread):<{width}}  {_doing(thread, state)}")
        for index, thread in enumerate(busiest)
    ]
    more = len(sampled) - len(busiest) + process.forgotten_threads
    if lines and more:
        lines[-1] += f"  (and {more} more)"
    return lines


def _busy_s(thread: ThreadRecord) -> float:
    running = (ThreadState.GIL_HELD, ThreadState.NATIVE, ThreadState.CPU_WAIT, ThreadState.GIL_WAIT)
    return sum(thread.states.get(state, 0.0) for state in running)


def _name(thread: ThreadRecord) -> str:
    return _cut(thread.name or f"tid {thread.tid}", 24)


def _doing(thread: ThreadRecord, state: State) -> str:
    """Its three largest shares, and the line at which it spent most time in the largest."""
    states = sorted(thread.states, key=lambda s: -thread.states[s])[:3]
    shares = [f"{s.value} {_percent(thread.share(s))}" for s in states if thread.share(s) >= 0.005]
    top = max(thread.hot, key=lambda key: thread.hot[key], default=None)
    line = state.lines.get(top[0]) if top else None
    where = f"  {_tail(line.file, 40)}:{line.number}" if line else ""
    return ", ".join(shares) + where


def _memory(process: ProcessState) -> list[str]:
    last = process.memory
    if last is None:
        return []
    rss, uss = process.resident
    private = f", {_size(uss)} of it private" if uss is not None else ""
    used = f"CPU {_seconds(last.user_s)} user, {_seconds(last.system_s)} system"
    text = f"{_size(rss)} resident{private}, {_size(last.peak_rss)} at most · {used}"
    return [_line("memory", text)]


def _memory_sentence(process: ProcessState, most: int) -> list[str]:
    """Where the rest is, in at most so many lines."""
    sentence = printable(memory_sentence(process.allocations, process))
    lines = wrap(sentence, WIDEST - LABEL, max_lines=most, placeholder=" …") if most > 0 else []
    return [_line("", line) for line in lines]


def _cost(state: State) -> list[str]:
    cost = state.cost
    if not cost.measured:
        return []
    inside = f"{_seconds(cost.probe_cpu_s)} CPU in the target"
    held = f"{_seconds(cost.probe_gil_held_s)} of the GIL"
    return [_line("cost", f"{inside}, {held}; {_seconds(cost.daemon_cpu_s)} CPU beside it")]


def _limits(state: State) -> list[str]:
    limits = [reading for reading in known_limits(state) if reading != "program"]  # told above
    if not limits:
        return []
    names = _cut(", ".join(limits), WIDTH - LABEL - 30)
    count = len(limits)
    noun = "reading" if count == 1 else "readings"
    return [_line("limits", f"{count} {noun} missing or less exact: {names}")]


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.0f} %"


def _seconds(seconds: float) -> str:
    if seconds < 0.1:
        return f"{seconds * 1e3:.1f} ms"
    return f"{seconds:.2f} s" if seconds < 100 else f"{seconds:.0f} s"


def _size(size: float) -> str:
    if size < 1 << 20:
        return f"{size / 1024:.0f} KiB"
    return f"{size / (1 << 20):.1f} MiB" if size < 1 << 30 else f"{size / (1 << 30):.2f} GiB"


def _cut(text: str, width: int) -> str:
    """The beginning of a text of the target's, safe for a terminal."""
    safe = printable(text)
    return safe if len(safe) <= width else safe[: width - 1] + "…"


def _tail(path: str, width: int) -> str:
    """The end of a path, safe for a terminal: there is what tells files apart."""
    safe = printable(path)
    return safe if len(safe) <= width else "…" + safe[1 - width :]
