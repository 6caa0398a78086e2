"""Checkpoints: sound ones go on to the same arrays, all others are refused before anything comes of them."""

import dataclasses
import functools
import hashlib
import io
import json
import os
import pickle
import random
import zipfile

import numpy as np
import pytest

from dynamics.base.files import NotARun
from dynamics.engine.recorded import RecordedStack
from dynamics.runner.planning import plan
from dynamics.runner.resolving import resolve
from dynamics.runner.tasks import about, check_checkpoint, train_task
from dynamics.settings.setting import Setting
from dynamics.settings.study import Study
from dynamics.store import checkpoints
from dynamics.store.checkpoints import DONE, CheckpointPlace, Saver, differences, newest, read, remove, write

FLIPS = int(os.environ.get("FUZZ", "200"))
SMALL = {"mode": "mixture_4", "hidden": 8, "batch_size": 8}


def nobody(amount):
    pass


def stack_of(folder, **changes):
    """A stack of three members, of whom two keep weights, with a checkpoint at every occasion."""
    settings = (Setting(**{**SMALL, "penalty": "gp", "loss": "hinge", "ema": 0.9, **changes}),)
    study = Study("n", "q", settings, steps=12, seeds=3, snapshots=4, frames=3, weights="all", workers="1")
    ((stack,),) = [plan(resolve(study))[1]]
    stack = dataclasses.replace(stack, weights=(True, False, True))
    return dataclasses.replace(stack, place=CheckpointPlace(folder, 7, 1e-9, about(stack)))


def choose(stack, messages=None):
    check = functools.partial(check_checkpoint, stack)
    return newest(stack.place, check, (messages if messages is not None else []).append)


def same(some, others):
    return some.keys() == others.keys() and all(
        some[name].tobytes() == others[name].tobytes() for name in some if name != "seconds"
    )


@pytest.fixture(scope="module")
def every(tmp_path_factory):
    """(stack, what it came to): all of its checkpoints are kept."""
    stack = stack_of(tmp_path_factory.mktemp("every"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoints, "KEPT", 1000)
        patch.setattr(checkpoints, "SHARE", 1e9)
        patch.setattr("dynamics.runner.tasks.DONE", 99)
        patch.setattr(RecordedStack, "most", 1)  # a checkpoint at every step
        came_to = train_task(stack, nobody)
    stack.place.path(99).unlink()
    return stack, came_to


@pytest.fixture
def two(every, tmp_path):
    """The same stack with its last two checkpoints alone, which a test may spoil: (stack, newest, the one before)."""
    stack, _ = every
    stack = dataclasses.replace(stack, place=dataclasses.replace(stack.place, folder=tmp_path))
    paths = [tmp_path / path.name for path in every[0].place.files()[:2]]
    for path in paths:
        path.write_bytes((every[0].place.folder / path.name).read_bytes())
    return stack, *paths


def sealed(data):
    """A file that closes with its own checksum, as somebody who knows how they are made can write it."""
    with zipfile.ZipFile(data, "a") as archive:
        archive.comment = b"0" * 64
    body = data.getvalue()[:-64]
    return body + hashlib.sha256(body).hexdigest().encode()


# --- going on --------------------------------------------------------------------------------------------------------


def test_from_every_checkpoint_on_it_comes_to_the_same(every, tmp_path):
    stack, came_to = every
    files = stack.place.files()
    assert [int(path.stem[-10:]) for path in files] == list(range(12, 0, -1))
    for path in files:
        reported = []
        place = dataclasses.replace(stack.place, folder=tmp_path, every=0, start=path)
        again = train_task(dataclasses.replace(stack, place=place), reported.append)
        assert same(again, came_to)
        assert sum(reported) == 3 * 12


def test_what_it_came_to_takes_the_place_of_its_checkpoints(tmp_path):
    stack = stack_of(tmp_path)
    came_to = train_task(stack, nobody)
    assert [path.name for path in tmp_path.iterdir()] == ["0007-done.npz"]
    path, arrays = choose(stack)
    assert path == stack.place.path(DONE)
    assert same(arrays, came_to)
    assert arrays["weights.g"].shape[:2] == (4, 2)
    with np.load(path) as plain:  # nothing but numpy is needed to look at one
        assert same({name: plain[name] for name in came_to}, came_to)
    (tmp_path / "of somebody else.npz").touch()
    remove(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["of somebody else.npz"]


def test_a_place_that_only_saves_when_asked_saves_nothing_on_the_way(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr("dynamics.store.checkpoints.write", lambda path, arrays, about: seen.append(path.name))
    stack = stack_of(tmp_path)
    train_task(dataclasses.replace(stack, place=dataclasses.replace(stack.place, every=0)), nobody)
    assert seen == ["0007-done.npz"]


def test_the_last_two_are_kept_and_saving_costs_its_share(tmp_path):
    now = [0.0]
    saver = Saver(CheckpointPlace(tmp_path, 0, 20.0, "{}"), lambda: now[0])
    write_time = [3.0]

    def slow(path, arrays, about):
        now[0] += write_time[0]
        path.touch()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoints, "write", slow)
        moments = []
        for moment in range(1, 400):
            now[0] += 1.0
            if saver.due():
                saver.save(moment, {})
                moments.append(now[0])
    assert len(list(tmp_path.iterdir())) == 2
    assert moments[0] == 20 + 3
    assert np.allclose(np.diff(moments), 150 + 3)  # 3 seconds are 2 % of 150


# --- damage ----------------------------------------------------------------------------------------------------------


def test_no_truncation_and_no_flipped_bit_is_taken_for_sound(two):
    _, path, _ = two
    sound = path.read_bytes()
    for percent in range(100):
        path.write_bytes(sound[: len(sound) * percent // 100])
        with pytest.raises(ValueError, match="damaged"):
            read(path)
    rng = random.Random(0)
    for _ in range(FLIPS):
        flipped = bytearray(sound)
        flipped[rng.randrange(len(sound))] ^= 1 << rng.randrange(8)
        path.write_bytes(flipped)
        with pytest.raises(ValueError, match="damaged"):
            read(path)
    path.write_bytes(sound)
    read(path)


def spoiled(how, path):
    path.unlink()
    if how == "folder":
        path.mkdir()
    elif how == "link":
        other = path.with_name("elsewhere")
        other.write_bytes(b"")
        path.symlink_to(other)
    else:
        path.write_bytes({"empty": b"", "text": b"what is this?\n" * 1000, "zip": b"PK\x05\x06" + b"\0" * 18}[how])


@pytest.mark.parametrize("how", ["empty", "text", "zip", "folder", "link"])
def test_the_one_before_is_used_with_a_warning(how, two, every):
    stack, path, before = two
    spoiled(how, path)
    messages = []
    chosen, _ = choose(stack, messages)
    assert chosen == before
    assert len(messages) == 2
    assert str(path) in messages[0]
    assert str(before) in messages[1]
    again = train_task(
        dataclasses.replace(stack, place=dataclasses.replace(stack.place, start=chosen, every=0)), nobody
    )
    assert same(again, every[1])


def test_without_a_sound_one_it_begins_anew_and_says_so(two):
    stack, *paths = two
    for path in paths:
        path.write_bytes(path.read_bytes()[:-1])
    messages = []
    assert choose(stack, messages) == (None, {})
    assert "begins anew" in messages[-1]
    for path in paths:
        path.unlink()
    assert choose(stack) == (None, {})  # there never was one: nothing to say


# --- forgery: what follows knows how checksums are made --------------------------------------------------------------


def test_a_checkpoint_without_its_optimisers_or_random_state_is_not_gone_on_with(two):
    stack, path, before = two
    arrays, description = read(path)
    assert {"state.0.optimizer_g.0", "state.2.stream.latent", "state.curves", "step", "seconds"} <= arrays.keys()
    for name, values in arrays.items():
        write(path, {key: value for key, value in arrays.items() if key != name}, description)
        assert choose(stack)[0] == before, name
        write(path, {**arrays, name: np.zeros((3, *values.shape), values.dtype)}, description)
        assert choose(stack)[0] == before, name
    write(path, {**arrays, "step": np.array(13)}, description)
    assert choose(stack)[0] == before
    write(path, arrays, description)
    assert choose(stack)[0] == path


class Evil:
    def __reduce__(self):
        return os.mkdir, ("/tmp/a-checkpoint-was-executed",)


def header(shape, descr="<f8"):
    """The beginning of a .npy file."""
    out = io.BytesIO()
    np.lib.format.write_array_header_1_0(out, {"descr": descr, "fortran_order": False, "shape": shape})
    return out.getvalue()


@pytest.mark.parametrize(
    "member",
    [
        header((1,), "|O") + pickle.dumps(np.array([Evil()])),
        header((10**7, 10**7)) + b"\0" * 64,
        header((2**62, 4)) + b"\0" * 64,
        header((-1,)) + b"\0" * 64,
        pickle.dumps(Evil()),
        b"",
    ],
    ids=["pickled objects", "absurd", "overflow", "negative", "a pickle", "nothing"],
)
def test_what_would_run_or_fill_the_memory_is_refused_before(member, two):
    stack, path, before = two
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("about.npy", header((2,), "|u1") + b"{}")
        archive.writestr("state.g.0.npy", member)
    path.write_bytes(sealed(data))
    with pytest.raises(ValueError, match=r"plain numbers|declares"):
        read(path)
    assert not os.path.exists("/tmp/a-checkpoint-was-executed")
    assert choose(stack)[0] == before


def test_a_zip_bomb_is_refused_before_it_is_unpacked(two):
    import tracemalloc

    stack, path, before = two
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("bomb.npy", "w") as member:
        member.write(header((2**28,), "|u1"))
        for _ in range(256):
            member.write(bytes(2**20))
    path.write_bytes(sealed(data))
    del data
    tracemalloc.start()
    with pytest.raises(ValueError, match="declares 268435"):
        read(path)
    assert tracemalloc.get_traced_memory()[1] < 2**24
    tracemalloc.stop()
    assert choose(stack)[0] == before


def test_deep_or_strange_words_about_itself(two):
    stack, path, before = two
    arrays, _ = read(path)
    for description in ("[" * 100_000, "no JSON", '"text"', "[]"):
        write(path, arrays, description)
        assert choose(stack)[0] == before


# --- of something else -----------------------------------------------------------------------------------------------


def test_another_settings_checkpoint_is_refused_with_what_differs(two, tmp_path):
    other = stack_of(tmp_path, lr=2e-3)
    with pytest.raises(NotARun, match=r"settings\[0\]\.lr is 0\.001 there, 0\.002 here"):
        choose(other)
    for name, value in (("threads", 2), ("torch", "1.0"), ("format", 99), ("arithmetic", "other")):
        description = json.loads(about(two[0])) | {name: value}
        here = dataclasses.replace(two[0].place, about=json.dumps(description))
        with pytest.raises(NotARun, match=f"{name} is "):
            choose(dataclasses.replace(two[0], place=here))


def test_differences_are_named_by_their_place():
    assert differences({"a": [1, {"b": 2}]}, {"a": [1, {"b": 2}]}) == []
    assert differences({"a": [1, {"b": 2}], "c": 0}, {"a": [1, {"b": 3}]}) == [
        "a[1].b is 2 there, 3 here",
        "c is 0 there, null here",
    ]
    assert differences([1, 2], [1], "x") == ["x is [1, 2] there, [1] here"]


def test_a_users_file_is_known_by_its_contents(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first, second = tmp_path / "a" / "points.csv", tmp_path / "b" / "points.csv"
    first.write_text("\n".join(f"{i % 7},{i % 5}" for i in range(50)))
    second.write_text(first.read_text())
    moved = [about(stack_of(tmp_path, mode=str(path))) for path in (first, second)]
    assert moved[0] == moved[1]
    second.write_text(first.read_text() + "\n1,1")
    assert about(stack_of(tmp_path, mode=str(second))) != moved[0]
