"""Prints the version of this Python as the Makefile names its virtual environment: 3.13, or 3.13t
for a free-threaded build. Prints nothing, and fails, where it is too old."""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - the one file that older Pythons run too
    sys.exit(1)
free_threaded = "t" if "t" in getattr(sys, "abiflags", "") else ""
print(f"{sys.version_info[0]}.{sys.version_info[1]}{free_threaded}")
