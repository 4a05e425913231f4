"""What a terminal sends to a program for a key, as xterm has it."""

from __future__ import annotations

_MODIFIERS = {"shift": 1, "alt": 2, "ctrl": 4}
_LETTERS = {
    "up": "A", "down": "B", "right": "C", "left": "D", "home": "H", "end": "F",
    "f1": "P", "f2": "Q", "f3": "R", "f4": "S",
}  # fmt: skip
_NUMBERS = {
    "insert": 2, "delete": 3, "pageup": 5, "pagedown": 6, "f5": 15, "f6": 17, "f7": 18, "f8": 19,
    "f9": 20, "f10": 21, "f11": 23, "f12": 24,
}  # fmt: skip
_FIXED = {"enter": "\r", "tab": "\t", "escape": "\x1b", "backspace": "\x7f"}
_NAMED = {
    "space": " ", "left_square_bracket": "[", "backslash": "\\", "right_square_bracket": "]",
    "circumflex_accent": "^", "underscore": "_", "slash": "_", "minus": "_", "question_mark": "?",
}  # fmt: skip
"""What ctrl changes where the key comes without a character; it takes / and - for _."""


def sequence(key: str, character: str | None, *, application: bool) -> str:
    """What the key sends, by Textual's name for it; nothing for a key that no terminal has.
    ``application``: the program has asked for the cursor keys of that mode."""
    *names, base = key.split("+")
    modifiers = sum(_MODIFIERS.get(name, 0) for name in names)
    if base in _LETTERS:
        if modifiers:
            return f"\x1b[1;{1 + modifiers}{_LETTERS[base]}"
        return f"\x1b{'O' if application or base[0] == 'f' else '['}{_LETTERS[base]}"
    if base in _NUMBERS:
        return f"\x1b[{_NUMBERS[base]};{1 + modifiers}~" if modifiers else f"\x1b[{_NUMBERS[base]}~"
    if key == "shift+tab":
        return "\x1b[Z"
    data = _FIXED.get(base) or character or _NAMED.get(base, base)
    if len(data) != 1:
        return ""
    if "ctrl" in names and data >= " ":
        data = _control(data)
    return "\x1b" + data if "alt" in names else data


def _control(character: str) -> str:
    if character in "?\x7f":
        return "\x08" if character == "\x7f" else "\x7f"
    return chr(ord(character.upper()) & 0x1F) if "@" <= character <= "~" or character == " " else ""


def pasted(text: str, *, bracketed: bool) -> str:
    """What a pasted text sends. ``bracketed``: the program has asked to be told that it is one."""
    text = text.replace("\r\n", "\r").replace("\n", "\r")
    return f"\x1b[200~{text.replace(chr(27), '')}\x1b[201~" if bracketed else text
