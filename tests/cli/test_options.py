"""Flags and configuration files against what they must come to: a study, or one line that names what is wrong.

What the command line makes of that line is in test_cli.py; whatever else may come, in test_fuzz.py.
"""

from __future__ import annotations

import datetime
import itertools
import math
import os
import tomllib
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dynamics.cli import options
from dynamics.cli.app import main
from dynamics.cli.options import read_options
from dynamics.settings.look import Look
from dynamics.settings.messages import OptionError, cut, flag, quoted, shown
from dynamics.settings.option_fields import ALIASES, FIELDS, default
from dynamics.settings.presets import PRESETS
from dynamics.settings.setting import Setting
from dynamics.settings.study import MOST_MEMBERS, MOST_SETTINGS, Study

EVERY = [(cls, name) for cls in (Setting, Study, Look) for name in FIELDS[cls]]


@pytest.fixture
def config(tmp_path: Path) -> Callable[[str | bytes], str]:
    def write(content: str | bytes) -> str:
        path = tmp_path / "study.toml"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    return write


def refusal(path: str, **flags: str) -> str:
    """What is said against a file: one short line that starts with its name, which is left out here."""
    with pytest.raises(OptionError) as caught:
        read_options(None, {"config": path, **flags})
    message = str(caught.value)
    assert message.startswith(f"--config {path}: ")
    assert message.isprintable()  # so one line
    assert len(message) < len(path) + 600
    return message.removeprefix(f"--config {path}: ")


def flag_refusal(**flags: str) -> str:
    with pytest.raises(OptionError) as caught:
        read_options(None, flags)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 600
    return str(caught.value)


# --- configuration files: what is read -------------------------------------------------------------------------------


def test_a_byte_order_mark_is_no_part_of_the_first_key(config: Callable[[str | bytes], str]) -> None:
    text = 'lr = [0.1, 0.2]\nmode = "ring_8"\n'
    plain = read_options(None, {"config": config(text)})
    assert [s.lr for s in plain.study.settings] == [0.1, 0.2]
    assert read_options(None, {"config": config(text.encode("utf-8-sig"))}) == plain
    assert read_options(None, {"config": config(text.replace("\n", "\r\n"))}) == plain


@pytest.mark.parametrize(
    ("encoding", "line"), [("utf-16", 1), ("utf-16-le", 3), ("utf-32", 1), ("latin-1", 3), ("cp1252", 3)]
)
def test_other_encodings_are_told_from_utf_8(config: Callable[[str | bytes], str], encoding: str, line: int) -> None:
    message = refusal(config("# one\nlr = 1\nmode = 'gäussian'\n".encode(encoding)))
    assert message == f"not a TOML file (line {line} is no text in UTF-8)"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("mode =", ["Invalid value (at end of document)", "mode ="]),
        ('# c\n\nmode = "ring_8', ["(at end of document)", 'mode = "ring_8']),
        ('# c\n\nmode = "ring_8\nlr = 1\n', ["line 3, column", 'mode = "ring_8']),
        ("lr = 1\nstd = 1 2\nloss = 3", ["line 2, column", "std = 1 2"]),
        ("lr = 1\nlr = 2\nstd = 1", ["line 2, column", "lr = 2"]),
        ("[lr]\n[lr]\n", ["line 2, column", "[lr]"]),
        ("lr = 1\nlr.x = 2\n", ["line 2, column", "lr.x = 2"]),
        ("a" * 40_000, ["aaaa..."]),
        ("x." * 100 + "y = 1\n" + "x." * 100 + "y = 1\n", ["x.x.x."]),
        ("lr = 1\0\n", ["line 1, column", r"lr = 1\x00"]),
        ("lr = 1\n\x1b[31m = 1\n", ["line 2, column", r"\x1b[31m = 1"]),
        (f"lr = {'1' * 5000}", ["4300 digits"]),
        (f"lr = {'[' * 60_000}", ["nested too deeply"]),
        (f"lr = {'{a=' * 20_000}", ["nested too deeply"]),
    ],
    ids=lambda part: part[:12] if isinstance(part, str) else None,
)
def test_what_is_no_toml_is_refused_with_its_line(
    config: Callable[[str | bytes], str], content: str, words: list[str]
) -> None:
    message = refusal(config(content))
    assert message.startswith("not a TOML file (")
    for word in words:
        assert word in message


def test_the_reader_s_own_line_numbers_are_told(config: Callable[[str | bytes], str]) -> None:
    """Wherever a file is broken, the line that is told is that of the break."""
    good = [f"{name} = {default(Study, name)}" for name in ("steps", "seeds", "frames", "snapshots")]
    for at in range(len(good)):
        lines = [*good[:at], good[at] + " ]", *good[at + 1 :]]
        message = refusal(config("\n".join(lines) + "\n"))
        assert f"at line {at + 1}, column" in message
        assert good[at] in message


def test_a_large_file_is_not_read(config: Callable[[str | bytes], str]) -> None:
    """10 MB are refused in the memory of the 64 kB that are read; 64 kB are read, and a byte more is not."""
    path = config(b"x." * 5_000_000 + b"x = 1")
    tracemalloc.start()
    tracemalloc.reset_peak()
    before, _ = tracemalloc.get_traced_memory()
    assert refusal(path) == "is larger than 64 kB, the most that is read"
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak - before < 8 * options.MOST_BYTES
    most = b"lr = 2\n#" + b"-" * (options.MOST_BYTES - 8)
    assert read_options(None, {"config": config(most)}).study.settings[0].lr == 2
    assert "larger" in refusal(config(most + b"-"))


def test_keys_of_many_parts_are_refused_before_they_are_read(config: Callable[[str | bytes], str]) -> None:
    """Reading one takes memory as the square of its parts: 200 000 of them took more than there is."""
    for written in ("lr." + "a." * 30_000 + "b = 1", "lr." + "'='." * 15_000 + "b = 1", "[" + "a." * 30_000 + "b]"):
        assert refusal(config("std = 1\n" + written)) == "line 2 has more than 200 dots; break it into several"
    assert "lr = {'a': {'a': {'a': {...}}}}: must be a finite number" in refusal(config("lr." + "a." * 199 + "b = 1"))
    many = ",\n".join(f"0.{k}1" for k in range(1, 500))
    assert len(read_options(None, {"config": config(f"lr = [{many}]")}).study.settings) == 499


def test_what_is_no_file(tmp_path: Path) -> None:
    assert refusal(str(tmp_path / "none.toml")) == "cannot be read (No such file or directory)"
    assert refusal(str(tmp_path)) == "cannot be read (it is a folder)"
    assert "Not a directory" in refusal("/dev/null/study.toml")
    pipe = tmp_path / "pipe.toml"
    os.mkfifo(pipe)  # opening it would wait for ever
    assert refusal(str(pipe)) == "cannot be read (it is no plain file)"
    assert refusal("/dev/zero") == "cannot be read (it is no plain file)"  # reading it would not end
    for name, words in [
        ("", "--config '': must be a path"),
        ("a\0b", r"--config a\x00b: must be a path"),
        ("x\ny", "--config x y: cannot be read"),
        ("\udcff.toml", r"--config \udcff.toml: cannot be read"),
        ("n" * 5000, "..."),
    ]:
        with pytest.raises(OptionError) as caught:
            read_options(None, {"config": name})
        assert words in str(caught.value)
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 400


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read anything")
def test_a_file_that_may_not_be_read(config: Callable[[str | bytes], str]) -> None:
    path = config("lr = 1")
    os.chmod(path, 0)
    assert refusal(path) == "cannot be read (Permission denied)"


# --- configuration files: keys ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "beginning"),
    [
        ("moed = 1", "moed: no such option (did you mean mode?)"),
        ("lr = 1\n[setting]\nstd = 1", "setting: no such option"),
        ("'' = 1", "'': no such option"),
        ("'--lr' = 1", "--lr: no such option (did you mean lr?)"),
        (r'"l\nr\u0000" = 1', r"l r\x00: no such option"),
        ("config = 'other.toml'", "config: no such option"),
        ("version = true", "version: no such option"),
        ("from_ = 'run'", "from_: no such option (did you mean from?)"),
        (f"{'a' * 20_000} = 1", f"{'a' * 66}...{'a' * 31}: no such option"),
        ("d-steps = 1\nd_steps = 1", "d_steps: given twice, or beside its other name, d-steps"),
        ("n-critic = 1\nd-steps = 1", "d-steps: given twice, or beside its other name, n-critic"),
        ("std = 1\nvariance = 1", "variance: given twice, or beside its other name, std"),
        ("from = 'a'\nfrom-run = 'b'", "from-run: given twice, or beside its other name, from"),
    ],
    ids=lambda part: part[:20],
)
def test_keys_that_are_unknown_or_doubled(config: Callable[[str | bytes], str], content: str, beginning: str) -> None:
    assert refusal(config(content)).startswith(beginning)


WRONG: dict[str, Any] = {
    "list": [],
    "lists": [[1]],
    "table": {"a": {"b": {"c": {"d": {}}}}},
    "truth": True,
    "date": datetime.date(2000, 1, 1),
    "time": datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC),
    "infinity": math.inf,
    "nan": math.nan,
    "digits": 1 << 20_000,  # 6021 of them, more than Python writes out
    "minus": -(1 << 20_000),
    "text": "\0\n\x1b[31m" * 5000,
    "number": 1e300,
}
TOML = {
    "list": "[]",
    "lists": "[[1]]",
    "table": "{a.b.c.d={}}",
    "truth": "true",
    "date": "2000-01-01",
    "time": "2000-01-01T00:00:00Z",
    "infinity": "inf",
    "nan": "nan",
    "digits": f"0x1{'0' * 5000}",
    "text": '"' + r"\u0000\n\u001b[31m" * 3000 + '"',
    "number": "1e300",
}
UNBOUNDED = {"penalty_weight", "slope", "alpha_d", "alpha_g", "lr", "lr_g", "lr_d", "init_gain"}


def test_the_wrong_values_are_what_they_say() -> None:
    for kind, written in TOML.items():
        value = tomllib.loads(f"x = {written}")["x"]
        assert type(value) is type(WRONG[kind])


@pytest.mark.parametrize(("cls", "name"), EVERY, ids=lambda part: part if isinstance(part, str) else "")
def test_every_option_refuses_values_of_a_wrong_type(
    config: Callable[[str | bytes], str], cls: type, name: str
) -> None:
    """By its key, written either way, and as Python objects."""
    for (kind, written), key in itertools.product(TOML.items(), {name, name.replace("_", "-")}):
        if (kind == "number" and name in UNBOUNDED) or (kind == "text" and name == "from_run"):
            continue
        message = refusal(config(f"{key} = {written}"))
        assert message.startswith(f"{key} = ")
        assert ": must be " in message
    for kind, value in WRONG.items():
        if (kind == "number" and name in UNBOUNDED) or kind in ("list", "lists"):
            continue
        given: dict[str, Any] = {} if cls is not Study else {"name": "n", "question": "q", "settings": ()}
        with pytest.raises(OptionError) as caught:
            cls(**given | {name: value})
        assert str(caught.value).startswith(f"{flag(name)} ")
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 600


@pytest.mark.parametrize(
    ("content", "beginning"),
    [
        ("workers = 0", "workers = 0: must be auto or a whole number from 1 to 1024"),
        ("workers = 1025", "workers = 1025: must be auto or"),
        ("workers = -1", "workers = -1: must be auto or"),
        ("workers = '0'", "workers = '0': must be auto or"),
        (f"workers = '{'9' * 9000}'", "workers = '999"),
        ("workers = true", "workers = True: must be auto or"),
        ("device = 'gpu'", "device = 'gpu': must be one of auto, cpu, cuda, mps (did you mean cpu?)"),
        ("scores = 'transport,critc'", "scores = 'critc': must be one of all, none, transport, critic"),
        ("scores = 'all,critic'", "scores = 'all,critic': all stands alone"),
        ("show = 'd,sample'", "show = 'sample': must be one of default, density"),
        ("show = 'default,d'", "show = 'default,d': default stands alone"),
        ("show = ''", "show = '': must be one of default"),
        ("animation = 'gif,avi'", "animation = 'avi': must be one of gif"),
        ("format = 'jpg'", "format = 'jpg': must be one of png, pdf, svg"),
        ("penalty = 'gp:x+r1'", "penalty = 'gp:x': the weight must be"),
        ("penalty = 'r1+r1'", "penalty = 'r1+r1': r1 stands in it twice"),
        ("penalty = ['r1', 'r3']", "penalty = 'r3': must be one of none, clip"),
        ("preset = 'pacgn'", "preset = 'pacgn': must be one of wgan_gp_toy, unrolled, pacgan (did you mean pacgan?)"),
        ("preset = 1", "preset = 1: must be a name, in quotes"),
        ("out = ''", "out = '': must be a path"),
        ('out = "a\\u0000b"', r"out = 'a\x00b': must be a path"),
        ("out = 1", "out = 1: must be a path, in quotes"),
        ("from = ''", "from = '': must be a path"),
        ("json = 1", "json = 1: must be true or false"),
        ("n_critic = 0", "n_critic = 0: must be a whole number of at least 1"),
        ("n-critic = [1, 0]", "n-critic = 0: must be a whole number of at least 1"),
        ("variance = 0", "variance = 0: must be a finite number"),
        ("variance = [1, -1]", "variance = -1: must be a finite number"),
        ("variance = [[1]]", "variance = [1]: must be a finite number"),
        ("variance = 2000-01-01", "variance = datetime.date(2000, 1, 1): must be a finite number"),
        # of several options together
        ("packing = 3", "packing 3, --batch-size 256: packs of 3 must fill the batch"),
        ("n_critic = 2\nupdate = 'extragradient'", "update extragradient, n_critic 2, --g-steps 1: both players"),
        ("minibatch-std = 1\npenalty = 'gp'", "penalty gp, minibatch-std 1: D's slope"),
        ("seed = 9223372036854775807\nseeds = 2", "seeds 2 from seed 9223372036854775807 on pass the last seed"),
        ("seeds = 100000\nlr = [1, 2]", "seeds 100000: with 2 settings that is 200000 GANs; a study takes at most"),
    ],
    ids=lambda part: part.partition("\n")[0][:24],
)
def test_a_wrong_value_is_told_with_file_and_key(
    config: Callable[[str | bytes], str], content: str, beginning: str
) -> None:
    assert refusal(config(content)).startswith(beginning)


def test_a_flag_beside_a_file_is_told_as_a_flag(config: Callable[[str | bytes], str]) -> None:
    """What is wrong is told where it was written: here, there, or by both together."""
    good, extra = config("seeds = 3\nn_critic = 2\n"), "--update extragradient"
    for wrong in ({"workers": "0"}, {"lr": "x"}):
        (name, value), *_ = wrong.items()
        with pytest.raises(OptionError) as caught:
            read_options(None, {"config": good, **wrong})
        assert str(caught.value).startswith(f"{flag(name)} {value}: ")
    assert refusal(good, update="extragradient").startswith(f"{extra}, n_critic 2, --g-steps 1:")
    with pytest.raises(OptionError) as caught:  # the file's value counts no more
        read_options(None, {"config": good, "update": "extragradient", "n_critic": "3"})
    assert str(caught.value).startswith(f"{extra}, --n-critic 3, ")


def test_other_names_are_those_of_the_flags(config: Callable[[str | bytes], str]) -> None:
    assert ALIASES == {"n_critic": "d_steps", "from": "from_run"}
    asked = read_options(None, {"config": config("n-critic = [1, 5]\nfrom = 'run'\n")})
    assert asked == read_options(None, {"d_steps": "1,5", "from_run": "run"})
    assert asked == read_options(None, {"n_critic": "1,5", "from_": "run"})
    assert [s.d_steps for s in asked.study.settings] == [1, 5]
    assert asked.study.from_run == "run"


def test_workers_are_a_number_or_a_word(config: Callable[[str | bytes], str]) -> None:
    for written, workers in (("1", "1"), ("1024", "1024"), ("'7'", "7"), ("'auto'", "auto")):
        assert read_options(None, {"config": config(f"workers = {written}")}).study.workers == workers


def test_every_preset_can_be_asked_for_in_a_file(config: Callable[[str | bytes], str]) -> None:
    for name in PRESETS:
        asked = read_options(None, {"config": config(f"preset = '{name}'")})
        assert asked.study == read_options(None, {"preset": name}).study


def test_lists_of_a_file_are_like_several_values(config: Callable[[str | bytes], str]) -> None:
    """Doubles are dropped before the product is made: 2000 of them are one."""
    asked = read_options(None, {"config": config(f"lr = [{'1,' * 2000}]\nbeta1 = [{'0,' * 2000} 0.5]")})
    assert [(s.lr, s.beta1) for s in asked.study.settings] == [(1, 0), (1, 0.5)]


@pytest.mark.parametrize("content", ["lr =", "workers = 0", "moed = 1", "packing = 3", "lr = 1\0", b"\xff\xfe", ""])
def test_the_program_answers_with_that_line_and_status_2(
    config: Callable[[str | bytes], str],
    content: str | bytes,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = config(content)
    status = main(["--config", path, "--dry-run", "--mode", "gaussian"])
    out, err = capsys.readouterr()
    if content == "":
        assert (status, err) == (0, "")
    else:
        assert (status, out) == (2, "")
        assert err == f"error: --config {path}: {refusal(path)}\n"


# --- flags -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("flags", "beginning"),
    [
        ({"n_critic": "0"}, "--n-critic 0: must be a whole number of at least 1 and at most 1000"),
        ({"d_steps": "0"}, "--d-steps 0: must be a whole number of at least 1 and at most 1000"),
        ({"n_critic": "1,x"}, "--n-critic x: must be a whole number"),
        ({"n_critic": "1", "d_steps": "1"}, "--n-critic and --d-steps: give one of them"),
        ({"n_critic": "2", "update": "extragradient"}, "--update extragradient, --n-critic 2, --g-steps 1: both"),
        ({"from_": " "}, "--from '': must be a path"),
        ({"from_run": "a\0"}, r"--from-run a\x00: must be a path"),
        ({"from_": "a", "from_run": "b"}, "--from and --from-run: give one of them"),
        ({"std": "1", "variance": "1"}, "--std and --variance: give one of them, a variance is the square of a std"),
        ({"workers": "9" * 9000}, "--workers 999"),
        ({"workers": "٣"}, "--workers ٣: must be auto or a whole number"),
        ({"steps": "9" * 9000}, "--steps 999"),
        ({"mode": "x" * 9000}, f"--mode {'x' * 66}...{'x' * 31}: must be one of"),
        ({"mode": "one\ntwo\x1b[2J\udcff"}, r"--mode one two\x1b[2J\udcff: must be one of"),
        ({"lr": "1e999"}, "--lr 1e999: must be a finite number above 0"),
        ({"lr": "0.1,"}, "--lr '': must be a finite number above 0"),
        ({"penalty": "r1,gp:"}, "--penalty gp:: the weight must be"),
        ({"penalty": "+"}, "--penalty '': must be one of none, clip"),
        ({"show": "d,default"}, "--show d,default: default stands alone"),
        ({"out": ""}, "--out '': must be a path"),
        ({"preset": "x" * 9000}, "--preset xxx"),
    ],
    ids=lambda part: " ".join(part)[:30] if isinstance(part, dict) else "",
)
def test_a_wrong_flag_is_told_under_the_name_that_was_written(flags: dict[str, str], beginning: str) -> None:
    assert flag_refusal(**flags).startswith(beginning)


def test_a_product_has_an_end() -> None:
    """As many settings as are allowed are made; of more, none is."""

    def upto(n: int) -> str:
        return ",".join(map(str, range(1, n + 1)))

    most = {"lr": upto(MOST_SETTINGS // 2), "init_gain": "1,2"}
    assert len(read_options(None, most).study.settings) == MOST_SETTINGS
    message = flag_refusal(lr=upto(MOST_SETTINGS // 2 + 1), init_gain="1,2")
    assert message == "--lr, --init-gain: their product is 5002 settings; a study takes at most 5000"
    huge = dict.fromkeys(["lr", "lr_g", "lr_d", "alpha_d", "alpha_g", "slope", "init_gain"], upto(100))
    assert f"is {100**7} settings" in flag_refusal(**huge)


def test_a_study_has_a_largest_number_of_members() -> None:
    """Whatever else the study is made of: not the seeds that it has without, nor the settings."""
    assert read_options(None, {"lr": "1,2", "seeds": str(MOST_MEMBERS // 2)}).study.seeds == MOST_MEMBERS // 2
    assert read_options("homework", {"mode": "ring_8", "std": "1", "d_steps": "1", "seeds": str(MOST_MEMBERS)})
    message = flag_refusal(lr="1,2", seeds=str(MOST_MEMBERS // 2 + 1))
    assert message == "--seeds 50001: with 2 settings that is 100002 GANs; a study takes at most 100000"


# --- words -----------------------------------------------------------------------------------------------------------


def test_long_words_keep_their_ends() -> None:
    for most in (10, 100, 101, 300):
        for length in (0, 1, most - 1, most, most + 1, 10 * most):
            text = "".join(chr(ord("a") + k % 26) for k in range(length))
            short = cut(text, most)
            if length <= most:
                assert short == text
            else:
                head, tail = short.split("...")
                assert len(short) == most
                assert text.startswith(head)
                assert text.endswith(tail)
                assert len(tail) > 0


def test_what_is_shown_is_one_line() -> None:
    assert shown("0.2") == "0.2"
    assert shown("größe.csv") == "größe.csv"
    assert shown("") == "''"
    assert shown(" \n") == r"' \n'"
    assert shown("one\n two\x85three") == "one two three"
    assert shown("\udcff\x07") == r"\udcff\x07"
    assert len(shown("\x07" * 10**6)) <= 100


def test_values_are_quoted_to_a_length_and_a_depth() -> None:
    for value in ("a", 1, -1.5, True, [1, 2], {"a": [1]}, {}, []):
        assert quoted(value) == repr(value)
    deep: Any = {}
    for _ in range(10**5):
        deep = {"a": deep}
    assert quoted(deep) == "{'a': {'a': {'a': {...}}}}"
    assert quoted(1 << 20_000) == f"0x1{'0' * 63}...{'0' * 31}"
    assert len(quoted(["x" * 1000] * 1000)) < 1000
    while deep:  # taken apart one by one: Python's own way may need a deep stack
        deep = deep["a"]


# --- what changes nothing, and what cannot be -------------------------------------------------------------------------


def test_an_option_without_effect_is_refused_where_it_was_typed(config: Callable[[str | bytes], str]) -> None:
    assert flag_refusal(unroll="1,5") == "--unroll has no effect with --update alternating"
    assert flag_refusal(penalty_weight="1,10") == "--penalty-weight has no effect with --penalty none"
    assert flag_refusal(n_critic="1", beta1="0.5", optimizer="sgd") == "--beta1 has no effect with --optimizer sgd"
    path = config("beta1 = 0.5")
    # what a flag overrules in a file or a preset is no mistake
    assert read_options(None, {"config": path, "optimizer": "sgd"}).study.settings[0].beta1 == 0.5
    for preset in PRESETS:
        read_options(None, {"preset": preset, "optimizer": "sgd"})
    idle = config('optimizer = "sgd"\nbeta1 = 0.5')
    with pytest.raises(OptionError, match="beta1 has no effect"):
        read_options(None, {"config": idle})


def test_settings_of_one_game_are_trained_once_and_counted() -> None:
    study = read_options(None, {"optimizer": "adam,sgd", "beta1": "0.5,0.9"}).study
    assert [(s.optimizer, s.beta1) for s in study.settings] == [("adam", 0.5), ("adam", 0.9), ("sgd", 0.5)]
    assert study.notes == ("left out, 1 setting: --beta1 makes no difference there, so it is the same game as another",)
    assert read_options(None, {"optimizer": "adam,sgd"}).study.notes == ()


def test_impossible_settings_are_left_out_on_request() -> None:
    asked = {"update": "alternating,extragradient", "n_critic": "1,2"}
    assert "--n-critic 2" in flag_refusal(**asked)
    assert "--skip-impossible" in flag_refusal(**asked)
    study = read_options(None, {**asked, "skip_impossible": True}).study
    assert len(study.settings) == 3
    assert study.notes[0].startswith("left out, 1 setting: --update extragradient")


def test_a_player_that_never_learns_is_mentioned() -> None:
    def notes(**given: str) -> tuple[str, ...]:
        return read_options(None, given).study.notes

    assert notes(train="g") == ("--train g without --from: D keeps its random initial weights",)
    assert notes(train="d") == ("--train d without --from: G keeps its random initial weights",)
    assert notes(train="g", warmup="5") == notes(train="g", from_="runs/some") == notes(train="both") == ()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (["--std", "0.2", "--std", "1.2"], "--std is given twice; several values go with commas: --std 0.2,1.2"),
        (["--std=0.2", "--std=1.2"], "--std is given twice; several values go with commas: --std 0.2,1.2"),
        (["--n-critic=1", "--n-critic=2"], "--n-critic is given twice; several values go with commas: --n-critic 1,2"),
        (["--seeds", "2", "--lr", "0.1", "--seeds", "3"], "--seeds is given twice"),
        (["study", "homework", "--out", "--seeds", "--seeds", "2", "--out=x"], "--out is given twice"),
    ],
)
def test_an_option_given_twice_is_a_mistake(line: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*line, "--dry-run"]) == 2
    assert capsys.readouterr().err == f"error: {words}\n"
