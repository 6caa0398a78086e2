"""Lines off a terminal: whole ones, every 30 s of a clock that the test moves, whatever workers report."""

import contextlib
import io
import re

import pytest

from dynamics.base.progress import EVERY, Count, lines_on, progress_on, repeating, silent

LINE = re.compile(
    r"training 32 GANs: (\d+) % done, (?:about (.+) left, (\S+) steps × GANs a second|time left not known)"
)


class Time:
    """A clock that moves when told to, and calls what is to be repeated as often as that is due."""

    def __init__(self):
        self.now, self.acts = 1000.0, []

    def __call__(self):
        return self.now

    @contextlib.contextmanager
    def timer(self, seconds, act):
        self.acts.append([self.now + seconds, seconds, act])
        yield
        self.acts.pop()

    def pass_by(self, seconds):
        until = self.now + seconds
        while self.acts and self.acts[-1][0] <= until:
            due, every, act = self.acts[-1]
            self.now = due
            act()
            self.acts[-1][0] += every
        self.now = until


class Stream(io.StringIO):
    """What is written and when it is flushed."""

    def __init__(self):
        super().__init__()
        self.flushed = []

    def flush(self):
        self.flushed.append(self.getvalue())


@pytest.fixture
def clock():
    return Time()


def test_a_line_every_thirty_seconds_with_what_is_done_left_and_how_fast(clock):
    stream = Stream()
    with lines_on(stream, clock, clock.timer)("training 32 GANs", 80000.0) as advance:
        for _ in range(8):
            clock.pass_by(10)
            advance(5000)
    # at 30 s two reports are in, at 60 s three more: 500 a second since then
    assert stream.getvalue().splitlines() == [
        "training 32 GANs: 12 % done, about 4 min left, 333 steps × GANs a second",
        "training 32 GANs: 31 % done, about 2 min left, 500 steps × GANs a second",
    ]
    assert stream.flushed == [stream.getvalue()[: m.end()] for m in re.finditer("\n", stream.getvalue())]
    assert "\r" not in stream.getvalue()


def test_a_short_run_says_nothing(clock):
    stream = Stream()
    with lines_on(stream, clock, clock.timer)("training 1 GANs", 10.0) as advance:
        clock.pass_by(EVERY - 0.1)
        advance(10.0)
    clock.pass_by(1000)
    assert stream.getvalue() == ""
    assert not stream.flushed


def test_nothing_is_more_than_all_or_less_than_none(clock):
    """A worker dies and takes back what it had done; another does it again."""
    stream = Stream()
    with lines_on(stream, clock, clock.timer)("training 32 GANs", 100.0) as advance:
        for amount in (60, -60, -20, 90, 30, 0):
            advance(amount)
            clock.pass_by(EVERY)
    shares = [LINE.fullmatch(line) for line in stream.getvalue().splitlines()]
    assert [int(m[1]) for m in shares] == [60, 0, 0, 70, 100, 100]
    assert all(m[3] is None or float(m[3]) > 0 for m in shares)
    assert shares[1][2] is None


def test_what_was_done_before_is_no_measure_of_speed(clock):
    """A run that goes on at 900 of 1000, at one a second: from the second line on the time left is right."""
    count = Count("training 32 GANs", 1000.0, clock)
    count.advance(900)
    left = []
    for _ in range(3):
        clock.now += 30
        count.advance(30)
        left.append(count.line())
    assert left[1] == "training 32 GANs: 96 % done, about 40 s left, 1.0 steps × GANs a second"
    assert left[2] == "training 32 GANs: 99 % done, about 10 s left, 1.0 steps × GANs a second"


@pytest.mark.parametrize(
    ("rate", "left"), [(100, "10 s"), (10, "2 min"), (0.5, "33 min"), (0.1, "2.8 h"), (0.001, "12 days")]
)
def test_how_long_the_rest_takes(rate, left, clock):
    count = Count("drawing", 1000 + 30 * rate, clock)
    clock.now += 30
    count.advance(30 * rate)
    line = count.line()
    assert f"about {left} left" in line
    assert line.endswith(" pictures a second")


def test_nothing_to_do_is_done(clock):
    assert Count("drawing", 0, clock).line() == "drawing: 100 % done, time left not known"


def test_a_stream_that_fails_stops_nobody(clock):
    class Full(Stream):
        def write(self, text):
            raise OSError(28, "No space left on device")

    with lines_on(Full(), clock, clock.timer)("training 32 GANs", 10.0) as advance:
        advance(5)
        clock.pass_by(100)
    closed = Stream()
    closed.close()
    with lines_on(closed, clock, clock.timer)("training 32 GANs", 10.0):
        clock.pass_by(100)


def test_quiet_is_quiet_everywhere():
    assert progress_on(Stream(), quiet=True) is silent
    assert progress_on(Stream(), quiet=False) is not silent


def test_repeating_ends_with_its_block():
    """The thread that keeps time in earnest."""
    import threading

    before, called = threading.active_count(), threading.Event()
    with repeating(0.001, called.set):
        assert called.wait(30)
        assert threading.active_count() == before + 1
    assert threading.active_count() == before
