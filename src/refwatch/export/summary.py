"""Summary of a session in a few lines of plain text, printed at its end."""

from __future__ import annotations

import shlex
from collections.abc import Container, Iterable, Mapping
from textwrap import wrap
from typing import NamedTuple

from refwatch.export.allocations import mode_of, top_groups
from refwatch.findings.blockers import children_sentence, known_limits
from refwatch.findings.collecting import collector_sentence
from refwatch.findings.large import large_sentence
from refwatch.findings.leaks import Leak, leaks
from refwatch.findings.memory_growth import memory_sentence
from refwatch.findings.thread_groups import Group, Grouping
from refwatch.findings.troubles import slower_sentence, worst_memory_problem
from refwatch.findings.verdict import diagnose
from refwatch.readings.allocations.state import Allocations, By
from refwatch.readings.objects.chains import describe_chain, most_informative, why_no_chain
from refwatch.readings.objects.events import ChainsFound
from refwatch.readings.objects.growth import suspicions
from refwatch.readings.objects.judged import judged
from refwatch.readings.objects.records import is_much
from refwatch.readings.objects.state import References
from refwatch.readings.threads.state import Hot, Line, ThreadRecord
from refwatch.readings.threads.states import COMPUTING, ThreadState
from refwatch.session.events import NOT_BEGUN
from refwatch.session.process import ProcessState, span_of_lives
from refwatch.session.state import State
from refwatch.text.formats import (
    fmt_bytes,
    fmt_duration,
    fmt_percent,
    fmt_plural,
    fmt_status,
)
from refwatch.text.sanitize import printable, shorten, shorten_path
from refwatch.wire.event import MAIN
from refwatch.wire.heap_values import Garbage

MAX_LINES = 12
MAX_THREADS = 5
MAX_SUSPECTS = 3
MAX_CHILDREN = 10
MAX_SENTENCE = 2
WIDTH = 100  # characters of a line that lists names
WIDEST = 120  # characters of any other line
LABEL = 9  # characters of the label before a line
WIDE_LABEL = 11  # the same where there are children
MANY_BACK = 20  # times that threads came back from I/O, from which on they are told
LONG_AFTER_IO_S = 0.02
MANY_WAIT = 0.1  # threads that wait for the GIL on average, from which on it is told for how long
MUCH_UNREAD = 0.1  # of a group's CPU time: what was counted when its threads were gone
MUCH_FREED = 8 << 20  # bytes of garbage that are told though the collector has run since
LONGEST_PYTHON = 48  # characters of the interpreter's path


def summary_lines(state: State) -> list[str]:
    """At most twelve lines, and those of the children: how the target ended, the worst problem
    (leaks with what keeps them alive, or growing memory), the verdict, processes, the GIL,
    allocations, threads, objects, memory, cost. For a program that did not start: only the end and
    the reason."""
    process = state.main
    head = [_line("target", _target(state)), *_program(process)]
    verdict = [_line("verdict", diagnose(state).sentence)]
    if process is None:
        return head + verdict
    if process.limits.get("program", "").startswith(NOT_BEGUN):  # Python has printed the reason
        return head
    tail = _cost(process) + _limits(process)
    leaks = _leaks(state)
    head += leaks or _growth(process)
    head += verdict + _children(process, verdict)
    about = _not_judged(process, leaks) + _gil(process) + _collector(process)
    about += _allocations(process.allocations)
    objects, memory = _objects(process.references) + _largest(process), _memory(process)
    room = MAX_LINES - len(head + about + objects + memory + tail)
    head += (children := _processes(state))
    memory += (sentence := _memory_sentence(process, min(room, MAX_SENTENCE)))
    threads = _threads(process, min(room - len(sentence), MAX_THREADS))
    lines = head + about + threads + objects + memory + tail
    return [f"{line[:LABEL]:{WIDE_LABEL}}{line[LABEL:]}" for line in lines] if children else lines


def _growth(process: ProcessState) -> list[str]:
    """Memory that grows, or is free and not returned; details are on the line ``memory``."""
    trouble = worst_memory_problem(process, ()).partition(": ")[2]
    return [_line("growth", shorten(trouble, WIDEST - LABEL))] if trouble else []


def _children(process: ProcessState, verdict: list[str]) -> list[str]:
    """What child processes used, unless the verdict says so."""
    sentence = children_sentence(process)
    return [_line("children", sentence)] if sentence and sentence not in verdict[0] else []


def _processes(state: State) -> list[str]:
    """How many children there are and what they used; a line for each of the most important: those
    that ended badly, then those that used most CPU time; the rest in a sum."""
    children = [each for each in state.processes.values() if each.number != MAIN]
    number = len(children) + state.forgotten.processes
    if not number:
        return []
    used = _cpu_s(state.children_cpu_s)
    text = f"{number + 1:,} in all, {fmt_plural(number, 'child', 'children')}: {used} in them"
    if held := _mean_held(children, state.now):
        text += f", {held:.1f} GILs held on average"
    children.sort(key=lambda child: (not child.failed, -child.cpu_s))
    shown, others = children[:MAX_CHILDREN], children[MAX_CHILDREN:]
    lines = [text, *_child_lines(shown)]
    if number > len(shown):
        shown_s = sum(child.cpu_s for child in shown)
        lines.append(f"and {_others(others, number - len(shown), shown_s, state)}")
    first, *more = (shorten(line, WIDEST - LABEL) for line in lines)
    return [_line("processes", first), *(_line("", line) for line in more)]


def _mean_held(children: list[ProcessState], now: float) -> float:
    """Number of GILs held on average while at least one of them lived. Of those that are no longer
    kept it is not known when they lived."""
    lived_s = span_of_lives(children, now)
    return sum(child.gil.held_s for child in children) / lived_s if lived_s else 0.0


def _child_lines(children: list[ProcessState]) -> list[str]:
    """Of each its pid, how it was started, what it used, a bad end, and where it ran most."""
    names = [f"{child.pid} {printable(child.started.start_method or '')}" for child in children]
    width = max(map(len, names), default=0)
    return [
        f"{name:<{width}}  {_child(child)}" for name, child in zip(names, children, strict=True)
    ]


def _child(child: ProcessState) -> str:
    held = child.gil.held_fraction
    gil = f"GIL {fmt_percent(held)} held" if held is not None else ""
    used = _cpu_s(child.known_cpu_s) if child.known_cpu_s is not None else ""
    said = ", ".join(filter(None, (used, gil, _failure(child))))
    return said + _hottest([thread.hot for thread in child.threads.values()], child, COMPUTING)


def _failure(child: ProcessState) -> str:
    """How it ended, if by a signal or with a status that is not 0."""
    code = child.exited.exit_code if child.exited is not None else None
    return fmt_status(code).removeprefix("finished, ") if code else ""


def _others(children: list[ProcessState], number: int, shown_s: float, state: State) -> str:
    """``7 more: 0.8 CPU s; 2 of them failed``"""
    used = _cpu_s(state.children_cpu_s - shown_s)
    failed = sum(child.failed for child in children) + state.forgotten.failed
    return f"{number:,} more: {used}" + (f"; {failed:,} of them failed" if failed else "")


def _cpu_s(seconds: float) -> str:
    return f"{seconds:.2f} CPU s" if seconds < 0.95 else f"{seconds:,.1f} CPU s"


def _line(label: str, text: str) -> str:
    return f"{label:<{LABEL}}{text}".rstrip()


def _target(state: State) -> str:
    """The command, its interpreter's path (which tells the environment), and how it ended."""
    python, *words = (state.target and state.target.argv) or ["none"]
    python = shorten_path(shlex.quote(python), LONGEST_PYTHON)
    command = shorten(f"{python} {shlex.join(words)}".rstrip(), WIDEST - 40)
    end = fmt_status(state.exited.exit_code) if state.exited is not None else "still running"
    return f"{command} · {end} · {fmt_duration(state.now)}"


def _program(process: ProcessState | None) -> list[str]:
    """Why the program did not start, or which interpreter has the module that it lacked."""
    why = process.limits.get("program") if process is not None else None
    return [_line("program", printable(why))] if why else []


def _not_judged(process: ProcessState, leaks: list[str]) -> list[str]:
    """What grows but is no suspect; without ``leaks`` also why growth was not judged."""
    references, limit = process.references, process.limits.get("census")
    looked = not leaks and (references.census.taken or references.failure or limit)
    why = judged(references, limit).because(over=references.over) if looked else ""
    why = "; ".join(filter(None, (slower_sentence(references), why)))
    return [_line("leak", shorten(why, WIDEST - LABEL))] if why else []


def _leaks(state: State) -> list[str]:
    """What keeps growing in any process, with who holds it."""
    found = leaks((each, suspicions(each.references)) for each in state.processes.values())
    lines = [
        _line("" if index else "leak", _leak(each))
        for index, each in enumerate(found[:MAX_SUSPECTS])
    ]
    if len(found) > MAX_SUSPECTS:
        lines[-1] += f"  (and {len(found) - MAX_SUSPECTS} more)"
    return lines


def _leak(leak: Leak) -> str:
    text = f"{leak.sentence(40)}: "
    return text + _held_by(leak.holders, WIDEST - LABEL - len(text))


def _held_by(found: ChainsFound | None, width: int) -> str:
    """The most informative chain."""
    if found is None:
        return "who keeps them alive was not found out"
    chain = most_informative(found.chains)
    if not chain:
        return why_no_chain(found)
    return describe_chain(chain, max(width, 40))


def _objects(references: References) -> list[str]:
    parts: list[str] = []
    census = references.census
    if census.taken:
        pause = max(references.pauses, default=0.0)
        parts.append(
            f"{census.objects:,} in the heap ({fmt_plural(census.taken, 'census', 'censuses')}, "
            f"pauses of {fmt_duration(pause)} at most)"
        )
        most = max((size for _, size in census.garbage_sizes), default=0)
        parts += _garbage(census.garbage, most)
    if references.watched:
        died = sum(record.died for record in references.watched.values())
        least = "at least " if references.forgets_objects else ""
        number = fmt_plural(len(references.watched), "object")
        parts.append(f"{least}{number} watched, {least}{died:,} died")
    return [_line("objects", " · ".join(parts))] if parts else []


def _largest(process: ProcessState) -> list[str]:
    sentence = large_sentence(process, WIDEST - LABEL)
    return [_line("largest", sentence)] if sentence else []


def _garbage(found: Garbage | None, most: int) -> list[str]:
    """Garbage that waits for the collector, if it is much; else the most bytes that did wait."""
    if found is not None and is_much(found):
        size = fmt_bytes(found.bytes)
        return [f"garbage that waits for the collector: {found.objects:,}, {size}"]
    if most >= MUCH_FREED:
        return [f"up to {fmt_bytes(most)} of garbage waited for the collector"]
    return []


def _gil(process: ProcessState) -> list[str]:
    gil = process.gil
    if gil.present is False:
        return [_line("GIL", "none in this interpreter")]
    held, contention = gil.held_fraction, gil.contention
    if held is None or contention is None:
        return []
    waiting = f"{contention:.1f} threads waiting for it on average"
    text = f"{fmt_percent(held)} held, {waiting}, {gil.handoffs:,} handoffs"
    half, most = gil.waits.quantile(0.5), gil.waits.quantile(0.99)
    if contention >= MANY_WAIT and half is not None and most is not None:
        at_a_time = f"; a wait takes {fmt_duration(half)}, 1 % over {fmt_duration(most)}"
        text += at_a_time if len(text + at_a_time) <= WIDEST - LABEL else ""
    text += _other_gils(process, WIDEST - LABEL - len(text))
    return [_line("GIL", text), *_after_io(process)]


def _after_io(process: ProcessState) -> list[str]:
    """How long threads that come back from I/O wait until they run Python code, where that is long:
    the convoy behind one that computes."""
    times = process.gil.after_io
    half, most = times.quantile(0.5), times.quantile(0.99)
    if times.count < MANY_BACK or half is None or most is None or most <= LONG_AFTER_IO_S:
        return []
    text = f"after I/O a thread waits {fmt_duration(half)} until it runs Python code"
    text += f", 1 % over {fmt_duration(most)}, the longest {fmt_duration(times.longest_s)}"
    return [_line("", text)]


def _collector(process: ProcessState) -> list[str]:
    """The cyclic collector, where it takes much of the time."""
    text = collector_sentence(process)
    return [_line("GC", shorten(text, WIDEST - LABEL))] if text else []


def _other_gils(process: ProcessState, room: int) -> str:
    """How much the GILs of other interpreters were held while these were there."""
    others = process.interpreters.with_own_gil()
    if not others:
        return ""
    held = sum(one.gil.held_s for one in others) / sum(one.gil.watched_s for one in others)
    text = f"; {fmt_plural(len(others), 'other')}: {fmt_percent(held)} held"
    return text if len(text) <= room else ""


def _allocations(recorded: Allocations) -> list[str]:
    """The line that allocates most, or has most live bytes, and how that was measured."""
    mode = mode_of(recorded)
    first = next(iter(top_groups(recorded, By.LINE, most=1)), None)
    if first is None or not isinstance(first[0], int):
        return []
    site, figures = recorded.site(first[0]), first[1]
    where = f"{shorten_path(site.file, 32)}:{site.line} {shorten(site.function, 24)}".rstrip()
    if mode == "exact":
        whole = (
            f"{fmt_bytes(recorded.traces.traced)} in {fmt_plural(recorded.traces.blocks, 'block')}"
        )
        return [_line("alloc", f"exact: {whole} · most {where}: {fmt_bytes(figures.size)}")]
    rate, error = figures.byte_rate or (0.0, 0.0)
    sure = f"±{fmt_percent(2 * error / rate)}" if rate else ""
    share = f"seen {fmt_percent(recorded.windows.coverage)} of the time"
    if recorded.mode != "burst" and recorded.switched_s is not None:
        share += f" up to {fmt_duration(recorded.switched_s)}"
    return [_line("alloc", f"burst, {share} · most {where}: {fmt_bytes(rate)}/s {sure}".rstrip())]


class _Row(NamedTuple):
    """A thread, or those of a group that come and go."""

    name: str
    threads: int
    states: Mapping[ThreadState, float]
    hot: Hot
    unread_s: float = 0.0

    @property
    def busy_s(self) -> float:
        return sum(self.states.get(state, 0.0) for state in (*COMPUTING, ThreadState.GIL_WAIT))


def _threads(process: ProcessState, most: int) -> list[str]:
    grouping = Grouping(process)
    rows = [
        _Row(_name(each), 1, each.states, each.hot)
        for each in grouping.singles
        if each.watched_s > 0
    ]
    rows += [_row_of(group) for group in grouping.crowds]
    rows.sort(key=lambda row: -round(row.busy_s, 3))
    shown = rows[:most]
    width = max((len(row.name) for row in shown), default=0)
    lines = [
        _line("" if index else "threads", f"{row.name:<{width}}  {_doing(row, process)}")
        for index, row in enumerate(shown)
    ]
    more = sum(row.threads for row in rows[most:])
    if lines and more:
        lines[-1] += f"  (and {more:,} more)"
    return lines


def _row_of(group: Group) -> _Row:
    """``request-* ×2,311, 6 alive``"""
    sums = group.sums()
    name = f"{shorten(group.name, 24)} ×{group.threads:,}"
    name += f", {len(group.alive):,} alive" if group.alive else ""
    return _Row(name, group.threads, sums.states, sums.hot, sums.unread_cpu_s)


def _name(thread: ThreadRecord) -> str:
    return shorten(thread.name or f"tid {thread.tid}", 24)


def _doing(row: _Row, process: ProcessState) -> str:
    """The three most frequent states, and the hottest line; of threads too short to be read how
    much the kernel has counted."""
    states = sorted(row.states, key=lambda s: -row.states[s])[:3]
    whole = sum(row.states.values()) or 1.0
    shares = [
        f"{s.value} {fmt_percent(row.states[s] / whole)}"
        for s in states
        if row.states[s] / whole >= 0.005
    ]
    used_s = sum(row.states.get(state, 0.0) for state in (ThreadState.GIL_HELD, ThreadState.NATIVE))
    if row.threads > 1:
        shares.append(_cpu_s(used_s))
        if row.unread_s >= MUCH_UNREAD * used_s > 0:
            shares[-1] += f", {fmt_percent(min(1.0, row.unread_s / used_s))} of it unseen"
    return ", ".join(shares) + _hottest([row.hot], process, tuple(ThreadState))


def _hottest(threads: Iterable[Hot], process: ProcessState, states: Container[ThreadState]) -> str:
    """The line at which one of the threads was longest in one of these states."""
    hot = ((seconds, line) for each in threads
           for (line, state), seconds in each.items() if state in states)  # fmt: skip
    _, number = max(hot, default=(0.0, 0))
    line = process.lines.get(number)
    return f"  {_at(line, 40)}" if line else ""


def _at(line: Line, width: int) -> str:
    """``app/load.py:21``; what has no source has no number."""
    return shorten_path(line.file, width) + (f":{line.number}" if line.number else "")


def _memory(process: ProcessState) -> list[str]:
    last = process.memory
    if last is None:
        return []
    rss, uss = process.resident
    private = f", {fmt_bytes(uss)} of it private" if uss is not None else ""
    used = f"CPU {fmt_duration(last.user_s)} user, {fmt_duration(last.system_s)} system"
    text = f"{fmt_bytes(rss)} resident{private}, {fmt_bytes(last.peak_rss)} at most · {used}"
    return [_line("memory", text)]


def _memory_sentence(process: ProcessState, most: int) -> list[str]:
    """Where memory went, in at most ``most`` lines."""
    sentence = printable(memory_sentence(process.allocations, process))
    lines = wrap(sentence, WIDEST - LABEL, max_lines=most, placeholder=" …") if most > 0 else []
    return [_line("", line) for line in lines]


def _cost(process: ProcessState) -> list[str]:
    cost = process.cost
    if cost is None:
        return []
    inside = f"{fmt_duration(cost.probe_cpu_s)} CPU in the target"
    held = f"{fmt_duration(cost.probe_gil_held_s)} of the GIL"
    return [_line("cost", f"{inside}, {held}; {fmt_duration(cost.daemon_cpu_s)} CPU beside it")]


def _limits(process: ProcessState) -> list[str]:
    limits = [reading for reading in known_limits(process) if reading != "program"]
    if not limits:
        return []
    names = shorten(", ".join(limits), WIDTH - LABEL - 30)
    count = len(limits)
    return [_line("limits", f"{fmt_plural(count, 'reading')} missing or less exact: {names}")]
