"""Where refwatch's own options end and the target's arguments begin, and what each option says."""

from __future__ import annotations

import re

import pytest

from refwatch.cli import options, usage
from refwatch.cli.options import RunOptions, read_run

NEW = vars(RunOptions())
LINES: dict[str, dict[str, object]] = {
    "x.py": {"arguments": ["x.py"]},
    "x.py -o out --headless": {"arguments": ["x.py", "-o", "out", "--headless"]},
    "--headless x.py a b": {"headless": True, "arguments": ["x.py", "a", "b"]},
    "--rate 50 x.py -m": {"rate": 50.0, "arguments": ["x.py", "-m"]},
    "-m json.tool": {"module": "json.tool"},
    "-m json.tool --sort-keys": {"module": "json.tool", "arguments": ["--sort-keys"]},
    "-mjson.tool -x": {"module": "json.tool", "arguments": ["-x"]},
    "-o out -m m -o y": {"output": "out", "module": "m", "arguments": ["-o", "y"]},
    "-c pass -c": {"code": "pass", "arguments": ["-c"]},
    "-cpass -m x": {"code": "pass", "arguments": ["-m", "x"]},
    "-c pass --help": {"code": "pass", "arguments": ["--help"]},
    "--output=out -c pass": {"output": "out", "code": "pass"},
    "--output= x.py": {"output": "", "arguments": ["x.py"]},
    "-oout x.py": {"output": "out", "arguments": ["x.py"]},
    "-o -m x.py": {"output": "-m", "arguments": ["x.py"]},
    "-o -X x.py": {"output": "-X", "arguments": ["x.py"]},
    "--python python3.12 -m m x": {"python": "python3.12", "module": "m", "arguments": ["x"]},
    "--duration 3 --record r x.py -- y": {
        "duration": 3.0, "record": "r", "arguments": ["x.py", "--", "y"],
    },
    "--alloc exact --frames 3 -m m -x": {
        "alloc": "exact", "frames": 3, "module": "m", "arguments": ["-x"],
    },
    "--alloc-budget 1 -c pass -x": {"alloc_budget": 1.0, "code": "pass", "arguments": ["-x"]},
    "--watch a.b --watch=c --watch-rate 5 x.py": {
        "watch": ["a.b", "c"], "watch_rate": 5.0, "arguments": ["x.py"],
    },
    "--census off x.py": {"census": "off", "arguments": ["x.py"]},
    "-- x.py -m": {"arguments": ["x.py", "-m"]},
    "-- -x.py": {"arguments": ["-x.py"]},
    "-": {"arguments": ["-"]},
    "-X dev x.py": {"python_options": ["-X", "dev"], "arguments": ["x.py"]},
    "-Xdev -o out x.py": {"python_options": ["-Xdev"], "output": "out", "arguments": ["x.py"]},
    "--headless -OO -W error x.py -W": {
        "headless": True, "python_options": ["-OO", "-W", "error"], "arguments": ["x.py", "-W"],
    },
    "-uBm m -c": {"python_options": ["-uB"], "module": "m", "arguments": ["-c"]},
    "-Xa -mm x": {"python_options": ["-Xa"], "module": "m", "arguments": ["x"]},
    "-I x.py": {"python_options": ["-I"], "arguments": ["x.py"]},
    "-W": {"python_options": ["-W"]},
    "python -X dev x.py": {"arguments": ["python", "-X", "dev", "x.py"]},
    "x.py run": {"arguments": ["x.py", "run"]},
    "run": {"arguments": ["run"]},
    "-m m -- x": {"module": "m", "arguments": ["--", "x"]},
}  # fmt: skip
"""What is not as it is where nothing is said."""


@pytest.mark.parametrize("line", LINES)
def test_a_command_line(line: str) -> None:
    found = read_run(line.split())
    assert found is not None
    assert {name: value for name, value in vars(found).items() if value != NEW[name]} == LINES[line]


@pytest.mark.parametrize("line", ["-h", "--headless --help", "-X dev -h"])
def test_help_is_asked_for(line: str) -> None:
    assert read_run(line.split()) is None


def test_empty_and_spaced_arguments_stay_as_they_are() -> None:
    one, other = read_run(["-c", "", "", "a b"]), read_run(["x.py", "", "-m"])
    assert one is not None
    assert other is not None
    assert (one.code, one.arguments) == ("", ["", "a b"])
    assert other.arguments == ["x.py", "", "-m"]


REFUSED = {
    "-k x.py": "no such option: -k",
    "-uk x.py": "no such option: -uk",
    "--ratte 5 x.py": "no such option: --ratte; did you mean --rate?",
    "--headless=3 x.py": "--headless takes no value",
    "-m": "-m needs a value",
    "-c": "-c needs a value",
    "--rate": "--rate needs a value",
    "--rate nan x.py": "--rate takes a number from 1 to 10000, not 'nan'",
    "--watch-rate 0 x.py": "--watch-rate takes a number above 0 to 10000, not '0'",
    "--duration 0 x.py": "--duration takes a number above 0, not '0'",
    "--frames 1.5 x.py": "--frames takes a whole number from 1 to 65535, not '1.5'",
    "--alloc never x.py": "--alloc takes one of exact, burst, off, not 'never'",
    "--rate 5 --watch-rate 6 x.py": "--watch-rate 6 is above --rate 5",
    "--watch a-b x.py": "--watch takes names with dots between",
}


@pytest.mark.parametrize("line", REFUSED)
def test_what_is_refused(line: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as done:
        read_run(line.split())
    assert done.value.code == 2
    assert capfd.readouterr().err.startswith(f"refwatch: {REFUSED[line]}")


@pytest.mark.parametrize("table", ["RUN", "DOCTOR", "COMPARE"])
def test_the_help_has_every_option_and_no_other(table: str) -> None:
    text = getattr(usage, table).partition("\nOptions:\n")[2]
    named = set(re.findall(r"--[a-z-]+", text)) - {"--help"}
    assert named == set(getattr(options, table))
