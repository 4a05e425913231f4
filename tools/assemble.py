"""Make src/refwatch/probe/hooking/machine.py of hook.s, by GNU as and objcopy; on x86-64 only."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "src" / "refwatch" / "probe" / "hooking"
BYTES_A_LINE = 32
PAGE = 4096
HEAD = '''"""hook.s as machine code. Written by tools/assemble.py; a test holds the two together."""

from __future__ import annotations

X86_64 = bytes.fromhex(
'''


def assemble(source: Path) -> bytes:
    """The code up to its last byte that is not zero, a multiple of 16."""
    with tempfile.TemporaryDirectory() as folder:
        made, flat = Path(folder) / "hook.o", Path(folder) / "hook.bin"
        subprocess.run(["as", str(source), "-o", str(made)], check=True)
        subprocess.run(["objcopy", "-O", "binary", "-j", ".text", str(made), str(flat)], check=True)
        code = flat.read_bytes()[:PAGE].rstrip(b"\0")
    return code + bytes(-len(code) % 16)


def written(code: bytes) -> str:
    """The module."""
    rows = (code[at : at + BYTES_A_LINE].hex() for at in range(0, len(code), BYTES_A_LINE))
    return HEAD + "".join(f'    "{row}"\n' for row in rows) + ")\n"


if __name__ == "__main__":
    text = written(assemble(FOLDER / "hook.s"))
    if "--check" in sys.argv:
        sys.exit((FOLDER / "machine.py").read_text() != text)
    (FOLDER / "machine.py").write_text(text)
