"""What a blocked thread waits for, told by the system call it is in.

/proc/PID/task/TID/syscall (proc_pid_syscall(5)) is ``running``, or the call's number with its
arguments, or ``-1`` for a thread that is blocked outside a system call.
"""

from __future__ import annotations

import os

from refwatch.readings.threads.states import ThreadState

_SLEEP = ThreadState.SLEEP
_IO = ThreadState.IO_WAIT
_CHILD = ThreadState.CHILD_WAIT
_LOCK = ThreadState.LOCK_WAIT

# From syscall_64.tbl of Linux.
_X86_64 = {
    _SLEEP: (35, 230, 34, 128, 130),  # nanosleep .., pause, rt_sigtimedwait, rt_sigsuspend
    _LOCK: (202, 449, 455, 64, 65, 220),  # futex, futex_waitv, futex_wait, semget..semtimedop
    _CHILD: (61, 247, 56, 58, 435),  # wait4, waitid; clone, vfork, clone3 until the child's exec
    _IO: (
        *(0, 1, 7, 17, 18, 19, 20, 23, 40, 42, 43, 44, 45, 46, 47),  # read, write, poll .. recvmsg
        *(2, 3, 72, 73, 74, 75, 77, 82, 87, 217, 257),  # open, close, fcntl, flock, fsync, ..
        *(232, 270, 271, 275, 276, 278, 281, 285, 288, 295, 296, 299, 307, 327, 328, 426, 441),
        *(4, 5, 6, 16, 21, 26, 69, 70, 78, 83, 84, 137, 162, 208, 242, 243),  # stat .. mq_timed..
        *(258, 262, 263, 264, 269, 306, 316, 326, 332, 333, 437, 439),  # mkdirat .. faccessat2
        *(8, 48, 76, 85, 86, 88, 89, 133, 187, 221, 277, 318),  # lseek, shutdown .. getrandom
        *(259, 265, 266, 267, 268, 260, 90, 92, 188, 191, 194, 285, 452),  # mknodat .. fchmodat2
    ),
}
# From asm-generic/unistd.h of Linux, for aarch64 and riscv64.
_GENERIC = {
    _SLEEP: (101, 115, 133, 137),
    _LOCK: (98, 449, 455, 192, 193),
    _CHILD: (95, 260, 220, 435),
    _IO: (
        *(22, 25, 32, 47, 56, 57, 61, 62, 63, 64, 65, 66, 67, 68, 69, 70, 71, 72, 73, 75, 76),
        *(77, 82, 83, 202, 203, 206, 207, 211, 212, 242, 243, 269, 286, 287, 426, 441),
        *(4, 29, 34, 35, 38, 43, 48, 78, 79, 81, 182, 183, 188, 189, 227, 267, 276, 285, 291, 292),
        *(437, 439),
        *(33, 36, 37, 45, 46, 53, 54, 84, 210, 213, 223, 278, 5, 8, 11, 452),
    ),
}
_RESTART = {"x86_64": b"219", "aarch64": b"128", "riscv64": b"128"}  # restart_syscall(2)
_TABLES = {"x86_64": _X86_64, "aarch64": _GENERIC, "riscv64": _GENERIC}

KEEP = 4096  # lines of /proc/PID/task/TID/syscall
GIL_SIZE = 256  # bytes from the GIL's first word in which its condition variables and mutexes lie


def _by_number() -> dict[bytes, ThreadState]:
    table = _TABLES.get(os.uname().machine, {})
    return {str(number).encode(): state for state, numbers in table.items() for number in numbers}


class Syscalls:
    """Reads lines of /proc/PID/task/TID/syscall for a process whose GIL lies at ``gil``."""

    def __init__(self, gil: int | None) -> None:
        self._gil = gil
        self._others: dict[int, int] = {}
        self._gil_of: dict[bytes, int] = {}
        self._states = _by_number()
        self._seen: dict[bytes, ThreadState | None] = {}
        machine = os.uname().machine
        self._futex = b"202" if machine == "x86_64" else b"98"
        self._restart = _RESTART.get(machine, b"")
        self._select = (b"23", b"270", b"7", b"271") if machine == "x86_64" else (b"72", b"73")

    def state(self, line: bytes) -> ThreadState | None:
        """What the thread waits for; None when it runs or is ready to."""
        try:
            return self._seen[line]  # a thread waits at few places, again and again
        except KeyError:
            pass
        if len(self._seen) >= KEEP:
            self._seen.clear()
            self._gil_of.clear()
        state = self._seen[line] = self._read(line)
        return state

    def watch(self, gils: dict[int, int]) -> None:
        """Address of the GIL of each other interpreter -> the interpreter's number."""
        if gils != self._others:
            self._others = gils
            self._seen.clear()
            self._gil_of.clear()

    def gil_of(self, line: bytes) -> int:
        """The interpreter whose GIL a thread in ``gil_wait`` waits for; 0 is the main one."""
        return self._gil_of.get(line, 0)

    def _read(self, line: bytes) -> ThreadState | None:
        words = line.split(b" ", 3)
        number = words[0]
        if number.startswith(b"running"):
            return None
        if number == self._futex and self._gil is not None:
            address = int(words[1], 16)
            if 0 <= address - self._gil < GIL_SIZE:
                return ThreadState.GIL_WAIT
            for gil, interpreter in self._others.items():
                if 0 <= address - gil < GIL_SIZE:
                    self._gil_of[line] = interpreter
                    return ThreadState.GIL_WAIT
        elif number == self._restart:
            return self._restarted(line[len(number) :])
        elif number in self._select and self._waits_for_time_only(number, words):
            return ThreadState.SLEEP
        return self._states.get(number, ThreadState.OTHER)

    def _restarted(self, arguments: bytes) -> ThreadState:
        """A call that was interrupted, as by a stop, goes on under another number and with all else
        as it was: it is known where it was seen before."""
        same = (state for line, state in self._seen.items() if line.endswith(arguments))
        return next(filter(None, same), ThreadState.OTHER)

    def _waits_for_time_only(self, number: bytes, words: list[bytes]) -> bool:
        """select or poll without a descriptor is a sleep: the count is select's first argument and
        poll's second."""
        count = words[2] if number in (b"7", b"271", b"73") else words[1]
        return count == b"0x0"
