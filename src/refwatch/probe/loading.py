"""Loader of the probe's modules, which binds what they call before the target's first line.

A program may replace functions of the standard library, also in C modules (gevent: ``time.sleep``,
``select.poll``, ``_thread.start_new_thread``), and a call in the probe would run its code. So the
probe's modules have an ``__import__`` of their own: ``import time`` gives them a copy of that
module, made before the target runs. Modules that are loaded late, in a hidden copy for instance,
are read without the import system. The built-in functions are copied, too.
"""

from __future__ import annotations

import builtins
import sys
from _frozen_importlib_external import MAGIC_NUMBER, SourceFileLoader
from _imp import _fix_co_filename  # type: ignore[attr-defined]
from marshal import loads
from posix import O_CLOEXEC, O_RDONLY, close, fstat, read, stat
from posix import open as open_file

TYPE_CHECKING = False  # typing itself would be one more module in the target
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import CodeType, ModuleType

    Names = dict[str, object]

PACKAGE = "_refwatch_probe"
HEADER = 16  # bytes: magic number, flags, time and size of the source (PEP 552)
TAG = sys.implementation.cache_tag
_Module = type(sys)
_modules = sys.modules
_CONSTANT = (str, bytes, int, float, tuple)
_LIVE = ("modules", "callbacks", "garbage")
"""Containers of the interpreter. Others (``sys.path``, ``os.environ``) are not copied: that would
add a reference to what is the target's."""


class Loader:
    """Loads modules of the package in ``folder``. Made before the target's first line."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._loaded: dict[str, ModuleType] = {}
        self._library: dict[str, ModuleType] = {}
        self._import = builtins.__import__
        self._builtins: Names = {**vars(builtins), "__import__": self._find}
        if "__lazy_import__" in self._builtins:  # 3.15, where all imports may be lazy
            self._builtins["__lazy_import__"] = self._find

    def _find(
        self,
        name: str,
        names: Names | None = None,
        _: object = None,
        wanted: Sequence[str] | None = None,
        level: int = 0,
    ) -> ModuleType:
        """``__import__`` for the probe's modules."""
        if level == 0 or names is None:
            return self._copy_of(name)
        package = str(names["__package__"]).split(".")
        module = self.load(".".join([*package[: len(package) - level + 1], *filter(None, [name])]))
        if "__path__" in module.__dict__:
            for submodule in wanted or ():
                if submodule not in module.__dict__:
                    self.load(f"{module.__name__}.{submodule}")
        return module

    def _copy_of(self, name: str) -> ModuleType:
        """A module of the standard library, as it was at its first import."""
        copy = self._library.get(name)
        if copy is None:
            original: ModuleType = self._import(name)
            if name == "__future__":
                return original
            self._library[name] = copy = _Module(f"{PACKAGE}.{name}")
            for key, value in vars(original).items():
                if callable(value) or isinstance(value, _CONSTANT) or key in _LIVE:
                    copy.__dict__[key] = value
        return copy

    def load(self, name: str) -> ModuleType:
        """The probe's module of this full name."""
        module = self._loaded.get(name)
        if module is not None:
            return module
        parent, _, own = name.rpartition(".")
        package = self.load(parent) if parent else None
        module = _Module(name)
        path = self._folder + name[len(PACKAGE) :].replace(".", "/")
        try:
            if package is None:
                raise FileNotFoundError
            code, path = _code_of(f"{path}.py"), f"{path}.py"
            module.__package__ = parent
        except FileNotFoundError:
            module.__path__ = [path]
            code, path = _code_of(f"{path}/__init__.py"), f"{path}/__init__.py"
            module.__package__ = name
        module.__file__ = path
        module.__dict__["__builtins__"] = self._builtins
        self._loaded[name] = _modules[name] = module
        try:
            exec(code, module.__dict__)  # noqa: S102 - as the import system does
        except BaseException:
            del self._loaded[name]
            _modules.pop(name, None)
            raise
        if package is not None:
            setattr(package, own, module)
        return module

    def unload(self, package: str) -> None:
        """Unload a package that is not needed any more, to free the target's memory."""
        prefix = f"{PACKAGE}.{package}"
        for name in [name for name in self._loaded if name.startswith(prefix)]:
            del self._loaded[name]
            _modules.pop(name, None)
        self._loaded[PACKAGE].__dict__.pop(package, None)


def _code_of(path: str) -> CodeType:
    """The compiled source, from the cache if that is up to date."""
    source = stat(path)
    folder, _, name = path.rpartition("/")
    cached = f"{folder}/__pycache__/{name[:-3]}.{TAG}.pyc"
    expected = b"".join(
        (number & 0xFFFF_FFFF).to_bytes(4, "little")
        for number in (0, int(source.st_mtime), source.st_size)
    )
    try:
        data = _bytes_of(cached)
        if data[:HEADER] == MAGIC_NUMBER + expected:
            code: CodeType = loads(memoryview(data)[HEADER:])  # noqa: S302 - as an import does
            _fix_co_filename(code, path)  # it may have been compiled under another name
            return code
    except (OSError, EOFError, ValueError, TypeError):
        pass
    try:
        found = SourceFileLoader(PACKAGE, path).get_code(PACKAGE)
    except Exception:  # noqa: BLE001 - it calls functions that the target may have replaced
        found = None
    return found or compile(_bytes_of(path), path, "exec", dont_inherit=True)


def _bytes_of(path: str) -> bytes:
    file = open_file(path, O_RDONLY | O_CLOEXEC)
    try:
        data = b""
        size = fstat(file).st_size
        while len(data) < size and (more := read(file, size)):
            data += more
        return data
    finally:
        close(file)
