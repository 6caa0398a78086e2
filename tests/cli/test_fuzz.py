"""Whatever is asked for, by flags, files, points or pictures: an answer, or one line that says why not, and soon.

FUZZ=2000 tries as many of each kind, other ones every time; without it, 100, always the same.
"""

from __future__ import annotations

import contextlib
import datetime
import io
import itertools
import json
import math
import os
import re
import struct
import tomllib
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image

from dynamics.base.streams import Streams
from dynamics.cli.app import main
from dynamics.cli.options import MOST_BYTES, SWITCHES, read_options
from dynamics.runner.resolving import resolve
from dynamics.settings.catalogue.names import NAMES, SEVERAL
from dynamics.settings.look import Look
from dynamics.settings.messages import OptionError, flag, shown
from dynamics.settings.option_fields import ALIASES, FIELDS, metadata
from dynamics.settings.presets import PRESETS
from dynamics.settings.setting import Setting
from dynamics.settings.study import Study
from dynamics.settings.toml_files import MOST_DOTS
from dynamics.studies import questions
from dynamics.targets.registry import target_for

EXAMPLES = int(os.environ.get("FUZZ", "100"))
many = settings(
    max_examples=EXAMPLES,
    deadline=datetime.timedelta(seconds=5),
    derandomize="FUZZ" not in os.environ,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

fewer = settings(many, max_examples=EXAMPLES if "FUZZ" in os.environ else 10)  # of what takes a tenth of a second

OPTIONS = {name: cls for cls in (Setting, Study, Look) for name in FIELDS[cls]}
WRITTEN = [*OPTIONS, *ALIASES, "variance"]  # every name of an option that takes a value


def usual(written: str) -> str:
    return "std" if written == "variance" else ALIASES.get(written, written)


# --- strategies ------------------------------------------------------------------------------------------------------

anything = st.text(st.characters(exclude_categories=()), max_size=30)  # half characters too: what is no UTF-8
edges = [0, 1, 2, 1e-4, 1e6, 2**31, 2**53 + 1, 2**63 - 1, 2**64, 10**400, 5e-324, 1.7976931348623157e308]


def spelt(number: float) -> st.SearchStrategy[str]:
    """A number, and its neighbours, as people may write them."""
    near = [number, -number]
    if abs(number) < 2**1000:
        near += [number + 1, number - 1, math.nextafter(number, math.inf), math.nextafter(number, -math.inf)]
    words = [f"{n!r}" for n in near] + [f"{n}.0" for n in near if isinstance(n, int)]
    return st.sampled_from(words).flatmap(
        lambda word: st.sampled_from([word, f" {word} ", f"+{word}", f"0{word}", word.replace(".", "_"), word + "\n"])
    )


def numbers(name: str) -> st.SearchStrategy[str]:
    limits: list[float] = []
    if name in OPTIONS:
        limits = [limit for limit in metadata(OPTIONS[name], name)["limits"].values() if limit is not None]
    return (
        st.sampled_from([*limits, *edges]).flatmap(spelt)
        | st.floats().map(repr)
        | (st.integers() | st.integers(0, 9)).map(str)
        | st.sampled_from(["9" * 5000, "1e999", "nan", "-inf", "0x10", "1e3", "٣", "½", "--1", "1__0"])
    )


def words(name: str) -> st.SearchStrategy[str]:
    known = [*NAMES.get(name, ()), *itertools.chain(*SEVERAL.get(name, ())), *NAMES["penalty"], "auto", "a.csv", ".PNG"]

    def several(chosen: list[str]) -> list[str]:
        return [chosen[0], ",".join(chosen), "+".join(chosen), f"{chosen[0]}:0.5", chosen[0][1:]]

    return st.lists(st.sampled_from(known), min_size=1, max_size=3).flatmap(lambda w: st.sampled_from(several(w)))


def texts(name: str) -> st.SearchStrategy[str]:
    """What may stand after a flag: one value or several."""
    kind = FIELDS[OPTIONS[usual(name)]][usual(name)]
    fit = words(usual(name)) if kind is str else numbers(usual(name))
    return fit | st.lists(fit, max_size=3).map(",".join) | st.lists(fit | anything, max_size=3).map(",".join)


good_values = {  # text that the option takes, and that goes together with all others
    "mode": ["gaussian", "ring_8"],
    "std": ["0.2", "1", "1e-2"],
    "d_steps": ["1", "2", "1000"],
    "loss": ["hinge", "lsgan"],
    "penalty": ["none", "r1", "gp:0.1+spectral"],
    "lr": ["1e-3", "5"],
    "beta1": ["0", "0.5"],
    "hidden": ["1", "64"],
    "optimizer": ["sgd", "adam"],
    "steps": ["1", "100"],
    "seeds": ["1", "7"],
    "seed": ["0", "9"],
    "snapshots": ["1", "50"],
    "frames": ["0", "3"],
    "scores": ["all", "none", "transport,critic"],
    "device": ["auto", "cpu"],
    "workers": ["auto", "3"],
    "show": ["default", "d,optimal"],
    "format": ["pdf", "png,svg"],
    "fps": ["25", "0.5"],
}


def well(name: str, text: str) -> bool:
    """Whether an option that is a number takes one value, by its declared type and limits."""
    try:
        number = FIELDS[OPTIONS[name]][name](text)
    except ValueError:
        return False
    limits = metadata(OPTIONS[name], name)["limits"]
    return bool(
        abs(number) < math.inf
        and (limits["above"] is None or number > limits["above"])
        and (limits["least"] is None or number >= limits["least"])
        and (limits["below"] is None or number < limits["below"])
        and (limits["most"] is None or number <= limits["most"])
    )


def refused(study: str | None, given: Mapping[str, Any]) -> tuple[Any, str]:
    """What is asked for, or the one short line that says why that is nothing."""
    try:
        return read_options(study, given), ""
    except OptionError as error:
        message = str(error)
    assert message.isprintable()
    assert len(message) < 1000
    return None, message


# --- flags -----------------------------------------------------------------------------------------------------------


@many
@given(case=st.sampled_from(WRITTEN).flatmap(lambda name: st.tuples(st.just(name), texts(name))))
def test_any_value_of_any_option(case: tuple[str, str]) -> None:
    """Numbers are taken exactly where type and limits say so; what is refused is so under the name that was given."""
    written, text = case
    name = usual(written)
    asked, message = refused(None, {written: text})
    parts = text.split(",") if OPTIONS[name] is Setting else [text]
    named = re.findall(r"--[a-z][\w-]*", message.partition(": ")[0])
    assert asked is not None or flag(written) in named
    kind = FIELDS[OPTIONS[name]][name]
    if kind is not str and written != "variance":
        together = len(named) > 1 or "settings that is" in message  # with what other options are by default
        assert (asked is not None) == all(well(name, part) for part in parts) or together
    if asked is not None:
        homes = {Setting: asked.study.settings, Study: [asked.study], Look: [asked.look]}
        values = [getattr(home, name) for home in homes[OPTIONS[name]]]
        assert all(type(value) is kind for value in values)
        assert kind is str or all(map(math.isfinite, values))


@many
@given(
    good=st.dictionaries(st.sampled_from(list(good_values)), st.integers(0, 2), max_size=4),
    bad=st.dictionaries(st.sampled_from(WRITTEN), anything, max_size=2),
    study=st.sampled_from([None, None, *questions()]) | anything,
)
def test_any_options_together(good: dict[str, int], bad: dict[str, str], study: str | None) -> None:
    """Good ones alone make the product of their values, whichever they are."""
    flags = {name: good_values[name][k % len(good_values[name])] for name, k in good.items()}
    several = {name: ",".join(good_values[name]) for name, k in good.items() if k == 2 and OPTIONS[name] is Setting}
    refused(study, flags | several | bad)
    asked, message = refused(None, flags | several)
    assert message == ""
    if any(OPTIONS[name] is Setting for name in flags):
        assert len(asked.study.settings) == math.prod(len(good_values[name]) for name in several)


# --- configuration files ---------------------------------------------------------------------------------------------

KEYS = [*WRITTEN, "out", "preset", *SWITCHES]
bits = st.sampled_from(
    [
        *(KEYS * 2),
        *("=", " = ", "\n", "\r\n", ".", ",", "[", "]", "{", "}", '"', "'", '"""', "'''", "#", "\\", "\\u0000", "\t"),
        *("0x", "1", "-1", "0.5", "1e9", "inf", "nan", "true", "2000-01-01", "07:32:00", "'ring_8'", "[[a]]", "\ufeff"),
        *(
            f" = 0x{'f' * 5000}\n",
            f" = {'1' * 5000}\n",
            "[" * 3000,
            "lr." + "a." * 199,
            "a." * 201,
            " = '" + "x" * 5000,
        ),
    ]
)
free_text = st.lists(bits | anything, max_size=40).map("".join)

scalars = (
    st.integers(-(10**30), 10**30)
    | st.sampled_from(edges)
    | st.floats()
    | st.booleans()
    | st.text(max_size=20)
    | st.sampled_from([value for values in good_values.values() for value in values])
    | st.dates()
    | (st.times() | st.datetimes()).map(lambda time: time.replace(fold=0))
)
trees = st.recursive(scalars, lambda v: st.lists(v, max_size=4) | st.dictionaries(st.text(max_size=5), v, max_size=3))
keys = st.sampled_from(KEYS).flatmap(lambda key: st.sampled_from([key, key.replace("_", "-")]))


def typed(key: str) -> st.SearchStrategy[Any]:
    """Values of the type that a key takes, most of them within its limits."""
    name = usual(key.replace("-", "_"))
    kind = FIELDS[OPTIONS[name]][name] if name in OPTIONS else None
    if name in SWITCHES:
        return st.booleans()
    if name == "preset":
        return st.sampled_from([*PRESETS])
    if kind is int:
        return st.integers(0, 9)
    if kind is float:
        return st.floats(0, 1)
    if name == "penalty":
        return st.sampled_from(["none", "r1", "gp:0.1+clip"])
    return st.sampled_from([*NAMES.get(name, ("auto",)), "a.csv"])


good_rows = keys.flatmap(lambda key: st.tuples(st.just(key), typed(key) | st.lists(typed(key), min_size=1, max_size=3)))
odd_rows = st.tuples(keys | st.text(max_size=8), trees)
tables = st.lists(good_rows, max_size=4).map(dict) | st.lists(good_rows | odd_rows, max_size=4).map(dict)


def toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value) if abs(value) < 10**1000 else hex(value)
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, list):
        return f"[{', '.join(map(toml, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{toml(k)} = {toml(v)}' for k, v in value.items())}}}"
    return repr(value) if isinstance(value, float) else value.isoformat()


def written(table: Mapping[str, Any]) -> str:
    return "".join(f"{toml(key)} = {toml(value)}\n" for key, value in table.items())


@st.composite
def mutated(draw: Any, sources: list[bytes], pieces: st.SearchStrategy[bytes] = st.binary(max_size=6)) -> bytes:  # noqa: B008
    """One of some contents, with bytes changed, cut out, put in, or said twice."""
    content = draw(st.sampled_from(sources))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(content)))
        end = draw(st.sampled_from([start, start + 1, start + 4]) | st.integers(start, len(content)))
        content = content[:start] + draw(pieces | st.just(2 * content[start:end])) + content[end:]
    return content


GOOD_FILES = [
    b'mode = "mixture_4"\nstd = [0.2, 1.2]\nd-steps = [1, 2, 5]\nseeds = 8\n',
    b'\xef\xbb\xbfpreset = "unrolled"\nlr_g = 1e-3\nworkers = 2\r\nscores = "all"\nno-figures = true\n',
    b'# all\nvariance = 4\nn-critic = 5\n\n[headings]\nlr = """\nwhat?"""\n',
    written({"penalty": ["r1", "gp:0.1+spectral"], "fps": 0.5, "show": "d,map", "out": "größe"}).encode(),
]


def holds(path: Path, content: bytes) -> Any:
    """What a file asks for; if nothing, the line begins with its name, and says TOML where the reader does."""
    path.write_bytes(content)
    asked, message = refused(None, {"config": str(path)})
    assert asked is not None or message.startswith(f"--config {path}: ")
    if len(content) > MOST_BYTES or any(line.count(b".") > MOST_DOTS for line in content.split(b"\n")):
        assert asked is None
        return asked
    try:
        table: Any = tomllib.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        table = None
    assert ("not a TOML file" in message) == (table is None)
    if asked is None and table is not None:
        complaint = message.removeprefix(f"--config {path}: ")
        assert any(re.search(rf"(^|, ){re.escape(shown(key))}[ :]", complaint) for key in table)
    return asked


@many
@given(content=free_text.map(lambda text: text.encode(errors="replace")) | st.binary(max_size=100))
def test_any_text_as_a_configuration_file(tmp_path: Path, content: bytes) -> None:
    holds(tmp_path / "any.toml", content)


@many
@given(content=mutated(GOOD_FILES, bits.map(str.encode) | st.binary(max_size=4) | st.sampled_from([b"", b"1", b" "])))
def test_any_changed_configuration_file(tmp_path: Path, content: bytes) -> None:
    holds(tmp_path / "any.toml", content)


def test_the_good_files_hold(tmp_path: Path) -> None:
    assert [bool(holds(tmp_path / "good.toml", good)) for good in GOOD_FILES] == [True, True, False, True]  # [headings]


def as_flag(value: Any) -> Any:
    if isinstance(value, list):
        return ",".join(map(str, value))
    return value if isinstance(value, bool) else str(value)


@many
@given(table=tables)
def test_any_keys_and_values_of_a_configuration_file(tmp_path: Path, table: dict[str, Any]) -> None:
    """What a file asks for is what flags that say the same ask for."""
    text = written(table)
    assert repr(tomllib.loads(text)) == repr(table)  # a NaN is not equal to itself
    asked = holds(tmp_path / "any.toml", text.encode())
    options = {key.replace("-", "_"): value for key, value in table.items()}
    several = itertools.chain(*(value if isinstance(value, list) else [value] for value in options.values()))
    if asked is not None and not any(isinstance(value, str) and "," in value for value in several):
        flags = {key: as_flag(value) for key, value in options.items()}
        assert read_options(None, flags) == asked


# --- targets ---------------------------------------------------------------------------------------------------------


def is_target(path: Path, content: bytes) -> bool:
    """Whether a file is a target: one that samples, and has a density where it does; else a line says why not."""
    path.write_bytes(content)
    try:
        study = resolve(read_options(None, {"mode": str(path), "workers": "1", "device": "cpu"}).study)
    except OptionError as error:
        message = str(error)
        assert message.startswith(f"--mode {path}: ")
        assert message.isprintable()
        assert len(message) < len(str(path)) + 300
        return False
    (setting,) = study.settings
    target = target_for(setting)
    assert (setting.std is None) == (target.user_std is None)
    assert 0.0099 < target.std < 10
    points = target.sample(16, Streams([0], "choice"), Streams([0], "noise"))
    assert points.shape == (1, 16, 2)
    wide = target.std if target.modes is None else float(target.modes.stds.max())
    assert bool((points.abs() < target.half_width + 9 * wide).all())
    assert bool(torch.isfinite(target.log_prob(points.double())).all())
    return True


GOOD_ROWS = [
    b"x,y\n" + b"".join(b"%d,%d\n" % (k % 7, k % 5) for k in range(40)),
    b"# mm\n1.5;2e3\r\n-.5;+4\r\n0;0\r\n",
    b"\xef\xbb\xbf1 2\n3 4\n\n5 6",
    b"".join(b"%.6g\t%.6g\n" % (math.sin(k), k / 1000) for k in range(2100)),
]


@many
@given(
    content=st.binary(max_size=200)
    | mutated(GOOD_ROWS, st.sampled_from([b",", b"\n", b";", b" ", b"nan", b"1e308", b"-", b"#", b"\0", b"0\n"]))
)
def test_any_points(tmp_path: Path, content: bytes) -> None:
    is_target(tmp_path / "any.csv", content)


GOOD_MIXTURES = [
    b"centres = [[2, 2], [-2, -2]]\nweights = [3, 1]\nstds = [0.2, 0.5]\n",
    b"# mm\ncentres = [[0.5, 1e3], [2.5e3, -40]]\nstds = 90.5",
    b"centres = [[0, 0]]\ncovariances = [\n  [[1.5, -0.2], [-0.2, 0.25]],\n]",
]


@many
@given(
    content=mutated(
        GOOD_MIXTURES, st.sampled_from([b",", b"\n", b"[", b"]", b"1", b"nan", b"1e308", b"-", b"#", b"=", b"0.1, "])
    )
)
def test_any_mixture(tmp_path: Path, content: bytes) -> None:
    is_target(tmp_path / "any.toml", content)


def test_the_good_files_are_targets(tmp_path: Path) -> None:
    assert all(is_target(tmp_path / f"{k}.toml", content) for k, content in enumerate(GOOD_MIXTURES))
    assert all(is_target(tmp_path / f"{k}.csv", content) for k, content in enumerate(GOOD_ROWS))
    assert all(is_target(tmp_path / f"{k}.png", content) for k, content in enumerate(GOOD_PICTURES))


def png(picture: Any, **how: Any) -> bytes:
    buffer = io.BytesIO()
    (picture if isinstance(picture, Image.Image) else Image.fromarray(picture)).save(buffer, "png", **how)
    return buffer.getvalue()


ramp = (np.arange(23 * 17) % 256).reshape(23, 17)
GOOD_PICTURES = [
    png(ramp.astype(np.uint8)),
    png((257 * ramp).astype(np.uint16)),
    png(np.stack([ramp, ramp.T[:17, :23].reshape(23, 17), ramp, 255 - ramp], -1).astype(np.uint8)),
    png(Image.fromarray(ramp.astype(np.uint8)).convert("P"), transparency=3),
    png(Image.fromarray(ramp.astype(np.uint8)).convert("1")),
]


def checked(content: bytes) -> bytes:
    """The picture with its chunks' checksums put right, so that what is wrong with it is met further on."""
    fixed, at = bytearray(content), 8
    while at + 12 <= len(fixed):
        end = at + 8 + int.from_bytes(fixed[at : at + 4], "big")
        if end + 4 > len(fixed):
            break
        fixed[end : end + 4] = struct.pack(">I", zlib.crc32(fixed[at + 4 : end]))
        at = end + 4
    return bytes(fixed)


@st.composite
def repacked(draw: Any) -> bytes:
    """A picture of whole chunks that need not go together: any header, any pixels, any chunk between them."""
    size = [draw(st.integers(0, 40) | st.sampled_from([2**31, 2**32 - 1])) for _ in range(2)]
    depth, colour = draw(st.sampled_from([1, 2, 4, 8, 16, 3])), draw(st.sampled_from([0, 2, 3, 4, 6, 5]))
    header = struct.pack(">2I5B", *size, depth, colour, 0, 0, draw(st.integers(0, 2)))
    extra = draw(st.sampled_from([b"PLTE", b"tRNS", b"gAMA", b"iCCP", b"zTXt", b"iTXt", b"acTL", b"fcTL", b"eXIf"]))
    pixels = zlib.compress(draw(st.binary(max_size=200)) * draw(st.sampled_from([1, 20])))
    chunks = [(b"IHDR", header), (extra, draw(st.binary(max_size=30))), (b"IDAT", pixels), (b"IEND", b"")]
    parts = [struct.pack(">I", len(body)) + kind + body + b"\0\0\0\0" for kind, body in chunks]
    return checked(b"\x89PNG\r\n\x1a\n" + b"".join(parts))


@many
@given(content=st.binary(max_size=60) | mutated(GOOD_PICTURES) | mutated(GOOD_PICTURES).map(checked) | repacked())
def test_any_picture(tmp_path: Path, content: bytes) -> None:
    is_target(tmp_path / "any.png", content)


# --- command lines ---------------------------------------------------------------------------------------------------

argument = st.text(st.characters(exclude_categories=(), exclude_characters="\0"), max_size=12)
small = st.sampled_from(list(good_values)).flatmap(
    lambda name: st.sampled_from(good_values[name]).map(lambda value: [flag(name), value])
)
odd = st.sampled_from([*WRITTEN, "out", "config", "preset", "sedes"]).flatmap(
    lambda name: (numbers(usual(name)) | words(usual(name)) | argument).map(lambda value: [flag(name), value])
)
joined = odd.map("=".join).map(lambda word: [word])
lone = st.one_of(
    st.sampled_from(["--", "-", "-h", "--help", "--version", "--json", "--quiet", "--force", "--no-figures", "-1"]),
    st.sampled_from(
        ["list", "study", "render", "report", "resume", "verify", "bench", *questions(), "--dry-run", "--std"]
    ),
    argument,
).map(lambda word: [word])
asked_for = (st.lists(small, max_size=4) | st.lists(small | odd | joined | lone, max_size=6)).map(
    lambda parts: list(itertools.chain(*parts))
)


def ends_well(arguments: list[str]) -> tuple[int, str]:
    """Exit status and stdout of a command line, in streams like those that `main.program` makes."""
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", errors) for errors in ("replace", "backslashreplace"))
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = main(arguments)
    for stream in (out, err):
        stream.flush()
    printed, complaint = (stream.buffer.getvalue().decode() for stream in (out, err))
    assert status in (0, 2)
    if status:
        assert printed == ""
        assert complaint.startswith("error: ")
        assert complaint.endswith("\n")
        assert complaint[:-1].isprintable()
        assert len(complaint) < 2000
    else:
        assert complaint == ""
    return status, printed


@fewer
@given(words=asked_for, named=st.booleans())
@example(words=["--out", "\udcff"], named=False)  # a name that is no UTF-8
@example(words=["--mode", "gaussian", "--json", "--out", "\udcff"], named=False)
@example(words=["--mode", "\x1b[31m"], named=False)
@example(words=["\x1b[31m"], named=False)
@example(words=["--\x1b\u2028\udcff"], named=False)
@example(words=["--from", "/"], named=False)  # looks for a run there, and nowhere below
def test_any_command_line(words: list[str], named: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With --dry-run first, whatever follows: nothing is trained, and nothing written."""
    monkeypatch.chdir(tmp_path)
    ends_well(["study", "ratios", "--dry-run", *words] if named else ["--dry-run", *words])
    assert not list(tmp_path.iterdir())


@fewer
@given(command=st.sampled_from(["render", "report", "resume"]), name=argument, more=asked_for)
def test_any_command_on_what_is_no_run(
    command: str, name: str, more: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = [command, name, *more]
    status, _ = ends_well(arguments)
    assert status == 2 or "--help" in arguments
    assert not list(tmp_path.iterdir())
