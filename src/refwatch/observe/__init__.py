"""What looks at the target from outside: its memory, GIL, threads, stacks and processes.

Nothing here runs in the target or stops it. Every observer turns readings into events; none knows
who reads them.
"""
