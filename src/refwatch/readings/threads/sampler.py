"""One sample of all threads, and the slices that samples add up to.

Times are nanoseconds since the watch began. A sample reads, in one go, the GIL's words and the top
frames of the threads that ran at the sample before; then what each thread says of itself to the
kernel, and of a thread that is newly blocked its line, last: a line that was read before the state
may be that of an earlier moment. A thread that is blocked as it was costs one small file; its time
is assigned, at the line where it was blocked, when something changes.
"""

from __future__ import annotations

from msgspec.structs import replace

from refwatch.readings.threads.call_paths import CallPaths
from refwatch.readings.threads.events import COLLECTOR, GilSlice, Sampled, ThreadSlice
from refwatch.readings.threads.gc_pauses import GcPauses
from refwatch.readings.threads.gil_account import LOW_HALF, GilAccount
from refwatch.readings.threads.gone_threads import GoneThreads
from refwatch.readings.threads.interpreter import MAX_MOVING, GilWords, Interpreter
from refwatch.readings.threads.kernel_look import RARE_NS, Held, KernelLook, Moment, Moved
from refwatch.readings.threads.loops import EventLoops
from refwatch.readings.threads.other_interpreters import OtherInterpreters, wait_s
from refwatch.readings.threads.process_clock import ProcessClock
from refwatch.readings.threads.stack_pace import StackPace
from refwatch.readings.threads.stacks import UnplacedWaits, read_stack, read_stacks
from refwatch.readings.threads.states import ThreadState
from refwatch.readings.threads.thread_list import ThreadList
from refwatch.readings.threads.thread_names import NameReader
from refwatch.readings.threads.tracked import TrackedThread
from refwatch.target.context import Context
from refwatch.target.layout import Layout
from refwatch.target.locations import NO_LINE
from refwatch.target.memory import RemoteMemory

KERNEL_LIST_NS = 50_000_000  # how often /proc/PID/task is listed
SLOW_LIST_THREADS = 100  # beyond this many threads four times more rarely
LIST_EVERY = 8  # samples between two looks at the interpreter's list of threads
LIST_OFTEN = 1_000  # samples after a thread was found, for which each looks at it
GIL_WAIT = ThreadState.GIL_WAIT
STILL = 16  # samples without any thread that has run, after which there may be fewer


class Sampler:
    """Samples one process. ``interpreter`` is None until the probe has said where things are."""

    def __init__(self, context: Context) -> None:
        self.pid = context.pid
        self.threads = ThreadList(context)
        self.interpreter: Interpreter | None = None
        self.probe_held_ns = 0
        self.samples = 0
        self.ran_ns = 0
        """When a thread of the target's own was last seen to run."""
        self._context = context
        self._kernel = KernelLook(context.pid)
        self._words = GilWords()
        self._last_ns = 0
        self._slice_from_ns = 0
        self._slice_samples = 0
        self._gil: GilAccount | None = None
        """None where there is no GIL."""
        self._pauses = GcPauses()
        self._next_list_ns = 0
        self._torn = 0
        self._loops = EventLoops(context)
        self._paths: CallPaths | None = None
        self._unplaced = UnplacedWaits()
        self.others = OtherInterpreters()
        self._active: list[TrackedThread] = []
        """The threads that ran at the last sample."""
        self._held = False
        """The GIL had a holder then."""
        self._clock = ProcessClock(context.pid)
        self._gone = GoneThreads()
        self._spent: int | None = None
        """CPU time at the last look at it."""
        self._list_often_until = 0
        self._still = 0
        """Samples in a row that have found no thread of the target's own to have run."""
        self._rested = False
        """There was no sample of late, because no thread ran."""
        self._stack_pace = StackPace()

    def attach(self, layout: Layout, memory: RemoteMemory) -> None:
        """Read the interpreter from now on."""
        self.interpreter = Interpreter(memory, layout)
        self._gil = GilAccount() if layout.gil is not None else None
        self.threads.unnamed.reader = NameReader.of(memory, layout)
        self._kernel.know_gil(layout.gil)
        self.others.attach(memory, layout, self.interpreter, self._kernel.calls)
        if self.interpreter.lines is not None:
            self._paths = CallPaths(self._context, self.interpreter.lines.functions)

    def begin(self, at_ns: int) -> None:
        """Time under watch starts here. Raises FileNotFoundError when the process is gone."""
        self._last_ns = self._slice_from_ns = at_ns
        self.threads.follow_kernel(at_ns)
        self.threads.watching = True
        self._gone.begin(self._clock, self.threads.by_tid.values())

    def rests(self, at_ns: int) -> bool:
        """Whether every thread is blocked and none has run for some samples, up to now: then a
        sample would tell nothing else than this look."""
        if self._active or self._held:
            return False
        before, self._spent = self._spent, self._clock.read()
        if self._spent is None or self._spent != before or self._still < STILL:
            return False
        self._last_ns = at_ns
        self._rested = True
        return True

    @property
    def still(self) -> bool:
        """No thread of the target's own has run for some samples."""
        return self._still >= STILL

    def sample(self, at_ns: int) -> None:
        """Take one sample. Raises MemoryGone or FileNotFoundError when the process is gone."""
        self.samples += 1
        self._slice_samples += 1
        if at_ns >= self._next_list_ns:
            self._follow_kernel(at_ns)
        before = self._words
        holder = self._read_words()
        if self._gil is not None:
            self._gil.seen(self._words, holder, at_ns, self._last_ns, self.threads)
            self._pauses.seen(self._words, holder, at_ns, self._last_ns)
        kept = holder is not None and before[1:4] == self._words[1:4]
        holders = [holder] if holder is not None else []
        holders += self.others.sample(at_ns, self._last_ns, self.threads, holder)
        now = Moment(self.samples, at_ns, self._last_ns, self._rested)
        moved, gone = self._kernel.moved(self.threads.by_tid.values(), holders, now, gil_kept=kept)
        held = self._kernel.held(holders, now, gone)
        for thread in gone:
            self._end(thread, at_ns)
        words = self._read_lines(moved, held)
        active, self._active = self._active, []
        for each in held:
            self._take_holder(each, words, at_ns, self._place(each, words, active))
        for entry in moved:
            self._take(entry, at_ns, self._place(entry, words, active))
        self._loops.sample(at_ns, self._last_ns)
        self._last_ns = at_ns
        self._held = bool(holders)
        ran = self._held or any(not thread.probe for thread, *_ in moved)
        blocked = not self._active and all(t.blocked for t in self.threads.by_tid.values())
        self._still = self._still + 1 if blocked and not ran else 0
        if not self._still:
            self.ran_ns = at_ns
        self._rested = False
        self.threads.read_names(at_ns)
        self._gone.look(self._clock)
        self._stack_pace.sampled(self.samples, at_ns, self.read_stacks)
        unplaced = self._unplaced.due(at_ns)
        if unplaced is not None and self.interpreter is not None:
            read_stack(unplaced, self.interpreter, self._paths)

    def _follow_kernel(self, at_ns: int) -> None:
        self.threads.follow_kernel(self._last_ns)
        slow = 4 if len(self.threads.by_tid) > SLOW_LIST_THREADS else 1
        self._next_list_ns = at_ns + slow * KERNEL_LIST_NS

    def _read_words(self) -> TrackedThread | None:
        """Read the interpreter's words and the frames of the threads that ran at the last sample;
        return the thread that holds the GIL."""
        if self.interpreter is None:
            return None
        self._words = words = self.interpreter.sample(self._active)
        holder = self.threads.by_state.get(words.holder)
        unknown = self.threads.unlisted or (holder is None and self._gil is not None)
        often = self.samples < self._list_often_until
        if unknown or often or self.samples % LIST_EVERY == 0:
            listed = self.interpreter.states.read_list()
            if listed is not None:
                self.others.notice(listed.interpreter, self.threads)
                if self.threads.follow_list(listed, self.interpreter, self._last_ns):
                    self._list_often_until = self.samples + LIST_OFTEN
                holder = self.threads.by_state.get(words.holder)
        if not words.locked & LOW_HALF:
            return None
        if holder is None or holder.frames_at != words.holder:
            holder = self.threads.holder(words.holder, self.interpreter)
        return holder

    def _end(self, thread: TrackedThread, at_ns: int) -> None:
        self._gone.ended(thread, at_ns)
        thread.settle(self._last_ns, self.samples - 1)
        thread.blocked = None  # or the next slice would have it wait on
        self.threads.end(thread, self._last_ns)

    def _read_lines(self, moved: list[Moved], held: list[Held]) -> GilWords:
        """Read the lines of those that are newly blocked, which may have gone on since their lines
        were read, and of those that did not run at the last sample; and the GIL's words again."""
        active = self._active
        threads = [
            thread for thread, state, _ in moved if state is not None or thread not in active
        ]
        self.others.place(threads, self.threads)
        threads += [each[0] for each in held if each[1] is not None or each[0] not in active]
        words = self._words
        if threads and self.interpreter is not None:
            for first in range(0, len(threads), MAX_MOVING):
                words = self.interpreter.sample(threads[first : first + MAX_MOVING])
        return words

    def _place(self, entry: Moved | Held, words: GilWords, active: list[TrackedThread]) -> int:
        """Its line, or that it has set the collector off there; ``words`` were read with the lines
        that were read again."""
        thread, state, _ = entry
        if self._pauses.now is None or self.interpreter is None:
            return thread.line
        if state is None and thread in active:
            words = self._words
        return self._pauses.place(thread, words, self.interpreter)

    def _take_holder(self, held: Held, words: GilWords, at_ns: int, line: int) -> None:
        """Assign the time since the last sample to the one that holds the GIL; by the ``words`` of
        later one that is blocked may have let it go before."""
        thread, state, sched = held
        if state is not None:
            kept = words.locked & LOW_HALF and words.holder == thread.frames_at
            kept = self.others.keeps(thread) if thread.gil else kept
            if state is GIL_WAIT or not kept:
                self._take((thread, state, thread.sched_raw), at_ns, line)
                return
        weight = self._begin_stretch(thread, at_ns)
        if thread.probe:
            self.probe_held_ns += weight
        if state is None:
            thread.classifier.held(weight, line, sched)
            self._active.append(thread)
        else:
            thread.classifier.blocked(state, weight, line, thread.sched, holding=True)
            thread.block(state, at_ns, self.samples, line, holding=True)

    def _take(self, moved: Moved, at_ns: int, line: int) -> None:
        """Assign the time since the last sample, or keep it back until its state is known."""
        thread, state, raw = moved
        if state is thread.blocked is ThreadState.IO_WAIT and at_ns - self._last_ns < RARE_NS:
            thread.back_in_io(raw)
        exact_cpu = thread.woke_cpu if thread.blocked is not None else None
        thread.sched_raw = raw
        newborn = thread.newborn
        weight = self._begin_stretch(thread, at_ns)
        if state is None:
            thread.classifier.running(weight, line, thread.sched, exact_cpu)
            self._active.append(thread)
        else:
            if state is GIL_WAIT:
                thread.take_gil(self._kernel.calls.gil_of(thread.call))
            if self._rested:
                weight -= self._take_unseen(thread, weight)
            elif newborn:
                weight -= thread.classifier.unseen(thread.sched, weight, NO_LINE)[1]
            thread.classifier.blocked(state, weight, line, thread.sched)
            thread.block(state, at_ns, self.samples, line, first_ns=weight)
            if self._paths is not None and thread.paths.has_many_callers(line, self._paths):
                self._unplaced.add(thread, at_ns, weight)

    def _take_unseen(self, thread: TrackedThread, most: int) -> int:
        """It has run and is blocked again, and was not sampled meanwhile because none had run for
        long: assign what the kernel has counted; return how much that was."""
        state, ran = thread.classifier.unseen(thread.sched, most, thread.line)
        gil = self.others.account(thread.gil) if thread.gil else self._gil
        if state is ThreadState.GIL_HELD and gil is not None:
            gil.held_unseen(ran)
            self.probe_held_ns += ran if thread.probe else 0
        return ran

    def _begin_stretch(self, thread: TrackedThread, at_ns: int) -> int:
        """Close the time in which it was blocked as before; return that since. Of the time since
        the last look at it, that before the last sample is half of the wait's, for want of better
        knowledge."""
        if thread.blocked is not None:
            looked_ns = self._last_ns if self._rested else thread.looked_ns
            thread.settle((looked_ns + self._last_ns) // 2, self.samples - 1)
        weight = at_ns - thread.since_ns
        if thread.newborn:  # it may have begun before it was found
            thread.newborn = False
            weight = max(weight, sum(thread.sched))
        thread.since_ns = at_ns
        thread.blocked = None
        thread.holding = False
        thread.changed_at = self.samples
        thread.samples += 1
        return weight

    def slice(self, rate_hz: float) -> None:
        """Send what the samples since the last slice add up to."""
        at_ns = self._last_ns
        self.threads.emit_begun()
        unseen_ns, unseen_threads = self._share_gone(at_ns)
        pieces: list[tuple[TrackedThread, ThreadSlice]] = []
        for thread in [*self.threads.by_tid.values(), *(t for t, _ in self.threads.ended)]:
            thread.settle(at_ns, self.samples)
            account = thread.account
            waits, after_io, elsewhere = account.waits, account.after_io, account.elsewhere
            piece = thread.take_slice()
            if self._gil is not None and not thread.probe:
                self._gil.waited(waits, after_io)
                self.others.waited(elsewhere)
            if piece is not None and not thread.probe:
                pieces.append((thread, piece))
        lines = self.interpreter.lines if self.interpreter else None
        if lines and self._paths and self._pauses.claimed:
            self._paths.collector = lines.stand_in(COLLECTOR)
        new = lines.take_new() if lines else []
        self._loops.lines.learn(new)
        self._loops.advance(at_ns)
        told = [self._tell(thread, piece) for thread, piece in pieces]
        if self._paths is not None:
            self._paths.tell(at_ns, new)
        self._loops.tell()
        self._loops.ended(thread.serial for thread, _ in self.threads.ended)
        span_s = (at_ns - self._slice_from_ns) / 1e9
        others = self.others.slice(at_ns, self.threads)
        waited = sum(piece.states.get(GIL_WAIT, 0.0) for piece in told) - wait_s(others)
        torn, self._torn = (lines.torn - self._torn, lines.torn) if lines else (0, 0)
        gil = self._gil_slice(max(0.0, waited))
        collector = self._pauses.slice(last=not rate_hz)
        self._context.emit(
            Sampled(
                at=at_ns / 1e9,
                process=self._context.process,
                span_s=span_s,
                samples=self._slice_samples,
                gil=gil,
                threads=told,
                rate_hz=rate_hz,
                torn=torn,
                unseen=self._gone.unseen(unseen_ns, told),
                unseen_threads=unseen_threads,
                unmoved_s=min((piece.unmoved_s for piece in told), default=0.0),
                collector=collector,
                interpreters=others,
            )
        )
        self.threads.emit_ended()
        self._slice_from_ns, self._slice_samples = at_ns, 0

    def _share_gone(self, at_ns: int) -> tuple[int, int]:
        """Give the threads that have ended what the kernel has counted of them since they were last
        read; return what is left for those that were never seen, nanoseconds, and their number."""
        apart = (at_ns - self._slice_from_ns) // max(1, self._slice_samples)
        running = [t for t in self.threads.by_tid.values() if t.blocked is None or t.holding]
        return self._gone.share(self._clock, self.threads, running, apart)

    def _tell(self, thread: TrackedThread, piece: ThreadSlice) -> ThreadSlice:
        """The slice of a thread with the callers of its lines, and what blocked its event loop."""
        if self._paths is None or not piece.hot:
            return piece
        hot = self._pauses.told(piece.hot)
        blocked = self._loops.blocked(piece, self._last_ns)
        placed, rest = thread.paths.place(hot, self._paths)
        return replace(piece, paths=placed, hot=rest, loop_blocked=blocked)

    def _gil_slice(self, wait_s: float) -> GilSlice | None:
        if self._gil is None or self.interpreter is None:
            return None
        known = self.interpreter.reads_collector
        words, at_ns = self._words, self._last_ns
        return self._gil.slice(words, at_ns, self.threads, wait_s=wait_s, reads_collector=known)

    def read_stacks(self) -> None:
        """Read the whole stack of every thread that has moved since the last time."""
        if self.interpreter is not None:
            self.others.look_again(self._last_ns, self.threads)
            read_stacks(self.threads.by_tid.values(), self.interpreter, self._paths, self._saw)

    def _saw(self, thread: TrackedThread) -> None:
        """Its whole stack was read."""
        if self.interpreter is not None:
            self._loops.saw_stack(thread, self.interpreter, self._last_ns)

    def check_code(self) -> None:
        """Forget the code objects whose address is used by others now. Raises MemoryGone."""
        if self.interpreter is not None and self.interpreter.lines is not None:
            self.interpreter.lines.check()

    def skip_wait(self, at_ns: int) -> None:
        """Leave out that the main thread has waited, up to now: it was for refwatch."""
        main = self.threads.by_tid.get(self.pid)
        if main is not None and main.blocked is ThreadState.LOCK_WAIT:
            main.since_ns = max(at_ns, main.since_ns)

    def leave_interpreter(self) -> None:
        """Its memory is its own no more: from now on only the kernel is asked."""
        self.interpreter = self.threads.unnamed.reader = None
        self.others = OtherInterpreters(followed=self.others.followed)
        self._words = GilWords()

    def discard(self) -> None:
        """Forget what was sampled since the last slice."""
        for thread in self.threads.by_tid.values():
            thread.discard()
        self.leave_interpreter()
        self._slice_from_ns, self._slice_samples = self._last_ns, 0
        if self._gil is not None:
            self._gil.clear()
        self._pauses = GcPauses()

    def end(self) -> None:
        """Send the last slice and close every file."""
        for thread in list(self.threads.by_tid.values()):
            thread.settle(self._last_ns, self.samples)
            thread.classifier.flush()
        self.slice(0.0)
        for thread in self.threads.by_tid.values():
            thread.close()
