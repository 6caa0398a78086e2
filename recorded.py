"""The general path on a CPU: a GAN's step is recorded once, and replayed for one member after another.

Any loss, penalty and update rule is trained by autograd, whose bookkeeping costs a CPU more than the arithmetic of
small networks. But its operations are the same at every step. So one step of a game of one member, the *table*, is
watched as autograd carries it out (`Recording`): which tensor operations run, in what order, on which memory. From then
on that list is run, without autograd, into buffers that are kept.

A stack's members take turns at their setting's table: a member's numbers are copied to it, a block of steps is played,
and they are copied back. Every member is thus computed by the same calls in the same memory, alone or among 64, so its
bits cannot depend on its company. `reference.AutogradStack` is the slow, obvious reference, and makes the game that is
recorded.
"""

from __future__ import annotations

import dataclasses
import functools
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from arrays import fits
from curves import Curves
from fast import flushed_denormals
from GAN import MLP, make_pair
from reference import AutogradStack
from sample import draw_real
from settings import Setting

_TURNS = 0.25  # seconds in which all members have had a turn: how long a stack takes to hear that it shall stop
_ALIGNED = 64  # bytes, where torch's own memory begins: what a product is rounded like may depend on it


class Recording:
    """What a function without arguments does to tensors, to be done again: the same operations on the same memory.

    Tensors that were there before are read and changed where they are; those that the function makes lie in buffers
    that later operations use again, and are gone after each replay. Numbers of Python are those of the recording. The
    function runs once while it is recorded, and its effects stay. Raises ``ValueError`` where it looks at a tensor's
    values to decide what to do next: that could not be replayed.
    """

    def __init__(self, function: Callable[[], object]) -> None:
        with _Watch() as watch:
            function()
        self.steps = _plan(watch.calls)

    def replay(self) -> None:
        """Do it again."""
        with torch.inference_mode():
            for operation, arguments, keywords in self.steps:
                operation(*arguments, **keywords)

    def tensors(self) -> list[Tensor]:
        """All that a replay reads and writes."""
        return _tensors([(arguments, keywords) for _, arguments, keywords in self.steps])


_LIKE = {torch.ops.aten.ones_like, torch.ops.aten.zeros_like}  # what they make has the form of their input alone


class _Call(NamedTuple):
    operation: Any
    arguments: tuple[Any, ...]
    keywords: dict[str, Any]
    read: set[int]  # memory of what it was given
    made: list[Tensor]  # its results


class _Watch(TorchDispatchMode):
    """Notes every operation that computes something, below autograd; keeps all tensors, so that no memory is reused."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[_Call] = []
        self.kept: list[Any] = []

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # to skip it takes an import of the whole compiler, a second

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is torch.ops.aten._local_scalar_dense.default:
            raise ValueError("a step that looks at a tensor's values cannot be recorded")
        result = func(*args, **kwargs)
        self.kept.append((args, kwargs, result))
        read, made = set(map(_place, _tensors((args, kwargs)))), _tensors(result)
        if func._schema.is_mutable or not read.issuperset(map(_place, made)):  # else a mere view
            self.calls.append(_Call(func, args, kwargs, read, made))
        return result


def _tensors(tree: Any) -> list[Tensor]:
    """The tensors in arguments or results, which may be lists."""
    if isinstance(tree, Tensor):
        return [tree]
    parts = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, (tuple, list)) else ()
    return [tensor for part in parts for tensor in _tensors(part)]


def _with(tree: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """Arguments with every tensor changed to another."""
    if isinstance(tree, Tensor):
        return change(tree)
    if isinstance(tree, dict):
        return {name: _with(part, change) for name, part in tree.items()}
    return type(tree)(_with(part, change) for part in tree) if isinstance(tree, (tuple, list)) else tree


def _place(tensor: Tensor) -> int:
    """The memory that a tensor is a view of."""
    return tensor.untyped_storage().data_ptr()


def _plan(calls: Sequence[_Call]) -> list[tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]]:
    """Recorded operations as calls that write into buffers; what does not depend on any input is computed here."""
    last: dict[int, int] = {}  # the last call that needs a piece of memory
    changed: set[int] = set()  # memory that is changed in place
    for i, call in enumerate(calls):
        last.update(dict.fromkeys((*call.read, *map(_place, call.made)), i))
        changed.update(_changed(call))
    buffers: dict[int, Tensor] = {}  # by the memory that they stand for
    constants: set[int] = set()
    free: dict[int, list[Tensor]] = {}  # buffers to be used again, by size

    def here(tensor: Tensor) -> Tensor:
        """A recorded tensor, in the buffer that stands for its memory; one that was there before, as it is."""
        buffer = buffers.get(_place(tensor))
        if buffer is None:
            return tensor.detach()
        made = torch.empty(0, dtype=tensor.dtype)
        return made.set_(buffer.untyped_storage(), tensor.storage_offset(), tensor.shape, tensor.stride())

    steps = []
    for i, call in enumerate(calls):
        arguments, keywords = _with(call.arguments, here), _with(call.keywords, here)
        if call.operation._schema.is_mutable:
            steps.append((call.operation._op, arguments, keywords))
        else:
            made = set(map(_place, call.made))
            fixed = (call.operation.overloadpacket in _LIKE or call.read <= constants) and not made & changed
            for tensor in call.made:
                size = -(-tensor.untyped_storage().nbytes() // _ALIGNED) * _ALIGNED
                spare = free.get(size)
                buffers[_place(tensor)] = spare.pop() if spare and not fixed else torch.empty(size, dtype=torch.uint8)
            step = _into(call.operation, arguments, keywords, [here(tensor) for tensor in call.made])
            if fixed:
                constants |= made
                step[0](*step[1], **step[2])
            else:
                steps.append(step)
        for place in {*call.read, *map(_place, call.made)}:
            if last[place] == i and place in buffers and place not in constants:
                free.setdefault(buffers[place].numel(), []).append(buffers[place])
    return steps


def _changed(call: _Call) -> set[int]:
    """The memory that an operation changes in place."""
    schema = call.operation._schema
    if not schema.is_mutable:
        return set()
    given = dict(zip((a.name for a in schema.arguments), call.arguments, strict=False)) | call.keywords
    return set(map(_place, _tensors([given[a.name] for a in schema.arguments if a.is_write and a.name in given])))


# PyTorch's own functions for operations that are many, which cost less to call than the operations themselves
_DIRECT: dict[Any, Callable[..., Any]] = {
    getattr(getattr(torch.ops.aten, name), overload): getattr(torch, name)
    for name, overload in (
        *(
            (name, "default")
            for name in ("baddbmm", "bmm", "cat", "clamp_min", "mm", "neg", "rsqrt", "sigmoid", "sqrt")
        ),
        *((name, overload) for name in ("add", "div", "mul", "sub") for overload in ("Scalar", "Tensor")),
        *(("pow", "Tensor_Scalar"), ("mean", "dim"), ("sum", "dim_IntList"), ("where", "self"), ("tanh", "default")),
    )
}


def _into(
    func: Any, arguments: tuple[Any, ...], keywords: dict[str, Any], results: list[Tensor]
) -> tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]:
    """An operation that writes its results where they are wanted."""
    if func in _DIRECT:
        return _DIRECT[func], arguments, keywords | {"out": results[0]}
    if func is torch.ops.aten.clone.default:
        return Tensor.copy_, (results[0], arguments[0]), {}
    if func is torch.ops.aten.relu.default:  # which is made of this
        return torch.clamp_min, (*arguments, 0), {"out": results[0]}
    overload, names = _out_overload(func)
    if overload is not None:
        return overload, arguments, keywords | dict(zip(names, results, strict=True))

    def copied(*args: Any, **kwargs: Any) -> None:
        made = func(*args, **kwargs)
        for result, value in zip(results, _tensors(made), strict=True):
            result.copy_(value)

    return copied, arguments, keywords


@functools.cache
def _out_overload(func: Any) -> tuple[Callable[..., Any] | None, list[str]]:
    """The same operation into given tensors, if there is one, and what it calls these."""
    wanted = [(a.name, str(a.type)) for a in func._schema.arguments]
    for name in func.overloadpacket.overloads():
        overload = getattr(func.overloadpacket, name)
        rest = [(a.name, str(a.type)) for a in overload._schema.arguments if not a.is_out]
        into = [a.name for a in overload._schema.arguments if a.is_out]
        if into and rest == wanted:
            return overload._op, into
    return None, []


class _Member(AutogradStack):
    """One GAN as it is between its turns: its numbers and its streams.

    Real points are made many at a time, always the same ones together, wherever training is cut: what the last of an
    array are rounded like may differ from the rest.
    """

    ahead = 8192

    def _real_points(self, choice: str, noise: str) -> Tensor:
        if self.data is not None:
            return super()._real_points(choice, noise)
        batch, streams = self.setting.batch_size, (self.stream(choice), self.stream(noise))
        together = 2 * batch * max(1, self.ahead // (2 * batch))  # numbers of either stream, two a point
        place = streams[1].taken // together
        if self.made.get(noise, (-1,))[0] != place:
            taken = [stream.taken for stream in streams]
            for stream in streams:
                stream.taken = place * together
            points = draw_real(self.targets, together // 2, *streams).to(self.dtype)
            used = [stream.taken > place * together for stream in streams]
            self.made[noise] = (place, points, used)
            for stream, count in zip(streams, taken, strict=True):
                stream.taken = count
        _, points, used = self.made[noise]
        first = streams[1].taken % together // 2
        for stream, uses in zip(streams, used, strict=True):
            stream.taken += 2 * batch * uses
        return points[:, first : first + batch]

    @functools.cached_property
    def made(self) -> dict[str, tuple[int, Tensor, list[bool]]]:
        """Real points by the stream of their noise: which of its lots they are, and which streams they took from."""
        return {}


class _Inputs:
    """What a table draws from: the member whose turn it is. `noted` says of every draw, in order, what was asked and
    where it was put, so that later draws can be put there too."""

    def __init__(self, member: AutogradStack) -> None:
        self.member = member
        self.noted: list[tuple[str, tuple[Any, ...], Tensor]] = []
        self.ready: list[Tensor] | None = None  # while recording: draws that were made before

    def latents(self) -> Tensor:
        return self._draw("latents")

    def reals(self) -> Tensor:
        return self._draw("reals")

    def g_reals(self) -> Tensor:
        return self._draw("g_reals")

    def uniform(self, purpose: str, *shape: int) -> Tensor:
        return self._draw("uniform", purpose, *shape)

    def normal(self, purpose: str, *shape: int) -> Tensor:
        return self._draw("normal", purpose, *shape)

    def _draw(self, name: str, *arguments: Any) -> Tensor:
        if self.ready is not None:
            return self.ready.pop(0)
        drawn = getattr(self.member, name)(*arguments)
        self.noted.append((name, arguments, torch.empty_like(drawn).copy_(drawn)))  # in memory of torch's own
        return self.noted[-1][2]


class _Table:
    """The game of one setting, whose steps are recorded, at which members of that setting take turns."""

    def __init__(self, setting: Setting, first: _Member, device: torch.device, dtype: torch.dtype) -> None:
        alike = dataclasses.replace(setting, data_size=0)  # it draws nothing of its own
        self.stack = AutogradStack([alike], [0], Curves(1, []), 1, device, dtype)
        self.game = self.stack.game
        self.inputs = self.game.source = _Inputs(first)
        self.game.begin(0)
        self.means = torch.zeros(4, 1, dtype=dtype)  # a generator step's `CURVES`
        self.numbers = self.stack._tensors()
        self.recorded: dict[Hashable, tuple[Recording, list[tuple[str, tuple[Any, ...], Tensor]]]] = {}

    def play(self, member: _Member, start: int, stop: int) -> np.ndarray:
        """A member's turn, from generator step `start` to `stop`; returns its curves, (4, stop − start)."""
        own, rule, setting = member._tensors(), self.game.rule, self.stack.setting
        for name, tensor in self.numbers.items():
            tensor.copy_(own[name])
        self.inputs.member = member
        curves = np.empty((4, stop - start), self.means.numpy().dtype)
        for step in range(start, stop):
            self.game.at_step(step)
            if step % setting.g_steps == 0:
                self._do("open", rule.open)
                for _ in range(rule.d_steps):
                    self._do("d", rule.descend_d)
            phase = rule.phase
            self._do(("g", phase), functools.partial(self._step, phase))
            curves[:, step - start] = self.means.numpy()[:, 0]
        for name, tensor in self.numbers.items():
            own[name].copy_(tensor)
        return curves

    def _step(self, phase: Hashable) -> None:
        self.means.copy_(self.stack.step_in(phase))

    def _do(self, what: Hashable, function: Callable[[], object]) -> None:
        if what not in self.recorded:
            self.recorded[what] = self._record(function)
        recording, draws = self.recorded[what]
        for name, arguments, place in draws:
            place.copy_(getattr(self.inputs.member, name)(*arguments))
        recording.replay()

    def _record(self, function: Callable[[], object]) -> tuple[Recording, list[tuple[str, tuple[Any, ...], Tensor]]]:
        """A function of the game recorded, and its draws. What it changes is put back, the member's streams too."""
        before = {name: tensor.clone() for name, tensor in self.numbers.items()}
        inputs, streams = self.inputs, self.inputs.member.streams
        taken = {purpose: stream.taken for purpose, stream in streams.items()}
        inputs.noted = []
        function()  # to see what it draws
        draws = inputs.noted
        inputs.ready = [place for _, _, place in draws]
        recording = Recording(function)
        inputs.ready = None
        for name, tensor in self.numbers.items():
            tensor.copy_(before[name])
        for purpose, stream in streams.items():
            stream.taken = taken.get(purpose, 0)
        return recording, draws


class RecordedStack:
    """A stack of any settings of one structure on a CPU; what `reference.AutogradStack` does, member by member."""

    def __init__(
        self,
        settings: Sequence[Setting],
        seeds: Sequence[int],
        curves: Curves,
        evaluation: int,
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        self.settings, self.curves, self.how = settings, curves, (evaluation, device, dtype)
        self.G, self.D = make_pair(settings, seeds, device, dtype)  # filled anew when they are looked at
        self.members = [_Member([s], [seed], Curves(1, []), *self.how) for s, seed in zip(settings, seeds, strict=True)]
        self.tables: dict[Setting, _Table] = {}
        self.block = 1  # generator steps of the next turns; no number depends on it

    most = 32  # generator steps of a turn, at most

    def begin(self, start: tuple[Tensor | None, Tensor | None] = (None, None)) -> None:
        """What comes before the first generator step: see `AutogradStack.begin`."""
        for m, member in enumerate(self.members):
            g, d = (None if flat is None else flat[m : m + 1] for flat in start)
            member.begin((g, d))

    def advance(self, start: int, stop: int) -> None:
        """Train from generator step `start` to `stop`."""
        began = time.perf_counter()
        with flushed_denormals():
            for m, (setting, member) in enumerate(zip(self.settings, self.members, strict=True)):
                if setting not in self.tables:
                    self.tables[setting] = _Table(setting, member, *self.how[1:])
                curves = self.tables[setting].play(member, start, stop)
                self.curves.add(start, curves[:, None], slice(m, m + 1))
        seconds = (time.perf_counter() - began) / max(1, stop - start)
        self.block = max(1, min(self.most, int(_TURNS / max(seconds, 1e-6))))

    def state(self) -> dict[str, np.ndarray]:
        """Everything that training changes, by name: copies, for `restore` to go on from, bit for bit."""
        own = {
            f"{m}.{name}": values
            for m, member in enumerate(self.members)
            for name, values in member.state().items()
            if name != "curves"
        }
        return own | {"curves": self.curves.sums.copy()}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Be what a stack of the same settings and seeds was when it gave this state.

        Raises ``ValueError``, and changes nothing, for a state that lacks something or is of another stack.
        """
        fits(state, self.state())
        for m, member in enumerate(self.members):
            names = (name for name in member.state() if name != "curves")
            member.restore({name: state[f"{m}.{name}"] for name in names} | {"curves": member.curves.sums})
        self.curves.sums[:] = state["curves"]

    def networks(self) -> tuple[MLP, MLP]:
        """G and D as they are, without what matters to training alone."""
        for network, name in ((self.G, "G"), (self.D, "D")):
            each = [getattr(member, name) for member in self.members]
            network.flat.copy_(torch.cat([own.flat for own in each]))
            for layer, vectors in enumerate(network.directions):
                for k, vector in enumerate(vectors):
                    vector.copy_(torch.cat([own.directions[layer][k] for own in each]))
        g, d = zip(*(member.networks() for member in self.members), strict=True)
        return _together(g), _together(d)

    def averaged(self) -> MLP | None:
        """G with the average of its weights, where one is kept."""
        each = [average for member in self.members if (average := member.averaged()) is not None]
        return _together(each) if each else None

    def rates(self) -> tuple[Tensor, Tensor]:
        """What the optimisers of G and D multiply gradients by now, (M, P) or (M, 1) each."""
        g, d = zip(*(member.rates() for member in self.members), strict=True)
        return torch.cat(g), torch.cat(d)

    def samples(self, G: MLP) -> np.ndarray:
        """(M, N, 2): every member's G, as `networks` gives it, at its evaluation latents."""
        alone = (MLP.like(G, G.flat[m : m + 1].clone()) for m in range(len(self.members)))
        return np.concatenate([member.samples(own) for member, own in zip(self.members, alone, strict=True)])


def _together(networks: Sequence[MLP]) -> MLP:
    """Stacks of one as one stack, each as `MLP.plain` gave it."""
    return MLP.like(networks[0], torch.cat([network.flat for network in networks]))
