"""What the user's environment says to Python is said to the target, not to refwatch itself.

``PYTHONTRACEMALLOC`` would trace the daemon, ``PYTHONINSPECT`` would leave a prompt behind,
``PYTHONPATH`` may have modules of the same names as ours. The command that pip installs
(bin/refwatch) asks for an interpreter that obeys none of it; one that was started in another way
starts itself again.
"""

from __future__ import annotations

import os
import sys

HARMLESS = {
    "PYTHONCOERCECLOCALE", "PYTHONDONTWRITEBYTECODE", "PYTHONHASHSEED", "PYTHONIOENCODING",
    "PYTHONNOUSERSITE", "PYTHONPYCACHEPREFIX", "PYTHONSAFEPATH", "PYTHONUNBUFFERED", "PYTHONUTF8",
}  # fmt: skip
"""Of these nothing in refwatch is slower, or other than it was."""
FLAGS = ((sys.flags.dont_write_bytecode, "-B"), (sys.flags.no_user_site, "-s"))
AGAIN = """import site, sys
site.execsitecustomize = site.execusercustomize = lambda: None
site.main()
sys.path += [one for one in {} if one not in sys.path]
from refwatch.cli import main
main()"""


def leave_environment() -> None:
    """Start this command again where the environment says more to Python than is harmless; the
    environment itself stays as it is. What only ``PYTHONPATH`` has is still found, behind all
    else."""
    said = {name for name in os.environ if name.startswith("PYTHON")} - HARMLESS
    if sys.flags.ignore_environment or not said or not sys.executable:
        return
    flags = ["-E", "-P", "-S", *(flag for given, flag in FLAGS if given)]
    paths = [os.path.abspath(one) for one in sys.path if one]
    command = [sys.executable, *flags, "-c", AGAIN.format(repr(paths)), *sys.argv[1:]]
    try:
        os.execv(sys.executable, command)  # noqa: S606 - without a shell on purpose
    except OSError:
        return
