"""Tensor operations recorded once and replayed, for one member of a stack or for several at once.

Autograd's bookkeeping costs a CPU more than the arithmetic of small networks, but a step's operations are always the
same. A `Recording` notes which tensor operations a function carries out, in what order, on which memory; from then on
that list is run, without autograd, into buffers that are kept.

With several *lanes*, memory of the same form for a member each, operations whose results IEEE 754 fixes to the last bit
(sums of two numbers, products, choices, copies) are made for all lanes by one call, since a call costs more than what
it computes in a small network. All that rounds otherwise, products of matrices, means and the like, is called lane by
lane, in memory that is aligned alike. So what happens in a lane cannot depend, in any bit, on the others.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

Kind = TypeVar("Kind")
ALIGNED = 64  # bytes, where torch's own memory begins: what a product is rounded like may depend on it


class Lanes:
    """Memory that each of several members has of its own at a table: `of` a tensor of the game there, its like in
    every lane. A gap lies between two lanes, so that no operation takes them for one run of numbers."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.memory: dict[int, Tensor] = {}  # bytes, (lanes, ·), by the place of what they stand for
        self.kept: list[Tensor] = []  # which is kept, so that no other comes to lie there

    def add(self, *tensors: Tensor) -> None:
        """Give every lane memory like these tensors', filled as theirs is."""
        for tensor in tensors:
            place = tensor.untyped_storage()
            if place.data_ptr() not in self.memory:
                self.memory[place.data_ptr()] = self.room(place.nbytes())
                self.kept.append(tensor)
                self.of(tensor).copy_(tensor.detach())

    def room(self, size: int) -> Tensor:
        """New memory, uint8, (lanes, size rounded up), whose rows begin where torch's own memory would."""
        size = -(-size // ALIGNED) * ALIGNED
        return torch.empty(self.count, size + ALIGNED * (self.count > 1), dtype=torch.uint8)[:, :size]

    def of(self, tensor: Tensor) -> Tensor:
        """What stands for a tensor of the game, (lanes, *shape)."""
        return _laid(tensor, self.memory[_place(tensor)])


class Recording:
    """What a function without arguments does to tensors, to be done again: the same operations on the same memory.

    Tensors that were there before are read and changed where they are, or, if `lanes` has memory for them, in there,
    for as many lanes as is said; those that the function makes lie in buffers that later operations use again, and are
    gone after each replay. Numbers of Python are those of the recording. The function runs once while it is recorded,
    and its effects stay. Raises ``ValueError`` where it looks at a tensor's values to decide what to do next, which
    could not be replayed, or changes what several lanes share.
    """

    def __init__(self, function: Callable[[], object], lanes: Lanes | None = None) -> None:
        with _Watch() as watch:
            function()
        self.lanes = lanes or Lanes(1)
        self.plan = _plan(watch.calls, self.lanes)
        self.calls: dict[int, list[_Ready]] = {}  # by the number of lanes

    def steps(self, lanes: int = 1) -> list[_Ready]:
        """What a replay of the first lanes calls, in order."""
        if lanes not in self.calls:
            self.calls[lanes] = [call for operation in self.plan for call in calls_of(operation, lanes)]
        return self.calls[lanes]

    def replay(self, lanes: int = 1) -> None:
        """Do it again, in the first lanes."""
        steps = self.steps(lanes)
        with torch.inference_mode():
            for operation, arguments, keywords in steps:
                operation(*arguments, **keywords)

    def tensors(self) -> list[Tensor]:
        """All that a replay of all lanes reads and writes."""
        steps = self.steps(self.lanes.count)
        return _tensors([(arguments, keywords) for _, arguments, keywords in steps])


_Ready = tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]  # a call and its arguments


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


def _leaves(tree: Any, kind: type[Kind]) -> list[Kind]:
    """What is of a kind in arguments or results, which may be lists."""
    if isinstance(tree, kind):
        return [tree]
    parts = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, (tuple, list)) else ()
    return [leaf for part in parts for leaf in _leaves(part, kind)]


def _tensors(tree: Any) -> list[Tensor]:
    return _leaves(tree, Tensor)


def _with(tree: Any, kind: type[Kind], change: Callable[[Kind], Any]) -> Any:
    """Arguments with everything of a kind changed to something else."""
    if isinstance(tree, kind):
        return change(tree)
    if isinstance(tree, dict):
        return {name: _with(part, kind, change) for name, part in tree.items()}
    return type(tree)(_with(part, kind, change) for part in tree) if isinstance(tree, (tuple, list)) else tree


def _place(tensor: Tensor) -> int:
    """The memory that a tensor is a view of."""
    return tensor.untyped_storage().data_ptr()


def _laid(tensor: Tensor, memory: Tensor) -> Tensor:
    """Memory (lanes, bytes) seen as a tensor's own is, (lanes, *shape)."""
    made = torch.empty(0, dtype=tensor.dtype)
    start = memory.storage_offset() // tensor.itemsize + tensor.storage_offset()
    strides = (memory.stride(0) // tensor.itemsize, *tensor.stride())
    return made.set_(memory.untyped_storage(), start, (len(memory), *tensor.shape), strides)


@dataclass(frozen=True, eq=False)
class _Lane:
    """In a plan, a tensor of which every lane has its own, (lanes, *shape)."""

    each: Tensor


class _Planned(NamedTuple):
    """An operation that is to be done in every lane; its tensors are `_Lane`s, or what all lanes share."""

    operation: Any
    arguments: tuple[Any, ...]
    keywords: dict[str, Any]
    results: list[_Lane]  # where they are wanted; empty where the operation changes what it is given


def _plan(calls: Sequence[_Call], lanes: Lanes) -> list[_Planned]:
    """Recorded operations, writing into buffers; what does not depend on any input is computed here."""
    last: dict[int, int] = {}  # the last call that needs a piece of memory
    changed: set[int] = set()  # memory that is changed in place
    for i, call in enumerate(calls):
        last.update(dict.fromkeys((*call.read, *map(_place, call.made)), i))
        changed.update(_changed(call))
    buffers: dict[int, Tensor] = {}  # by the memory that they stand for
    constants: dict[int, Tensor] = {}
    free: dict[int, list[Tensor]] = {}  # buffers to be used again, by size

    def placed(tensor: Tensor) -> Tensor | _Lane:
        """A recorded tensor, in the memory that stands for its own; one that was there before, as it is."""
        place = _place(tensor)
        if place in constants:
            return _laid(tensor, constants[place])[0]
        memory = buffers.get(place, lanes.memory.get(place))
        return tensor.detach() if memory is None else _Lane(_laid(tensor, memory))

    plan = []
    for i, call in enumerate(calls):
        made = set(map(_place, call.made))
        arguments, keywords = _with(call.arguments, Tensor, placed), _with(call.keywords, Tensor, placed)
        if call.operation._schema.is_mutable:
            if lanes.count > 1 and not _changed(call) <= {*buffers, *lanes.memory}:
                raise ValueError("a step that changes what all lanes share cannot be recorded for several")
            plan.append(_Planned(call.operation, arguments, keywords, []))
        elif not made & changed and (call.operation.overloadpacket in _LIKE or call.read <= constants.keys()):
            for result in call.made:
                constants[_place(result)] = torch.empty(1, result.untyped_storage().nbytes(), dtype=torch.uint8)
                _laid(result, constants[_place(result)])[0].copy_(result)
        else:
            for result in call.made:
                size = -(-result.untyped_storage().nbytes() // ALIGNED) * ALIGNED
                buffers[_place(result)] = free[size].pop() if free.get(size) else lanes.room(size)
            plan.append(_Planned(call.operation, arguments, keywords, _with(call.made, Tensor, placed)))
        for place in {*call.read, *made}:
            if last[place] == i and place in buffers:
                free.setdefault(buffers[place].shape[1], []).append(buffers[place])
    return plan


# --- calls ---------------------------------------------------------------------------------------------------------

# Operations on numbers one by one whose results are exact, or rounded as IEEE 754 says: whatever is computed beside a
# number, by whichever instructions, its result is the same.
EXACT = {
    getattr(torch.ops.aten, name)
    for name in (
        *("add", "add_", "sub", "sub_", "mul", "mul_", "div", "div_", "neg", "abs", "sign", "sqrt", "where", "pow"),
        *("clamp_min", "relu", "maximum", "minimum", "threshold_backward", "masked_fill", "logical_not"),
        *("eq", "ne", "gt", "ge", "lt", "le", "copy_", "clone", "fill_", "zero_", "cat", "stack"),
    )
}
_JOINING = {torch.ops.aten.cat, torch.ops.aten.stack}
_MOST = 32768  # numbers of a call: beyond, torch would share them out to threads


def calls_of(planned: _Planned, lanes: int) -> list[_Ready]:
    """What carries out an operation in the first lanes: one call, or one a lane."""
    if lanes > 1 and _exact(planned, lanes):
        return [_at_once(planned, lanes)]
    return [_ready(planned, lambda lane, k=k: lane.each[k]) for k in range(lanes)]  # type: ignore[misc]


def _exact(planned: _Planned, lanes: int) -> bool:
    """Whether one call for all lanes gives each the same bits as a call of its own."""
    operation, arguments, keywords, _ = planned
    name, given, shared = operation.overloadpacket, _leaves(arguments, _Lane), _tensors(arguments)
    if name not in EXACT or keywords or not given:  # a keyword is a factor of what is added, which may be fused
        return False
    if name is torch.ops.aten.pow and (isinstance(arguments[1], Tensor) or arguments[1] not in (1, 2)):
        return False
    if name in _JOINING and (shared or len({lane.each.dim() for lane in given}) > 1):
        return False
    laned = [lane.each for lane in _leaves(planned[1:], _Lane)]
    kinds = {tensor.dtype for tensor in (*laned, *shared)} - {
        torch.bool
    }  # of several, the numbers of dimensions decide
    return len(kinds) <= 1 and all(tensor[0].numel() * lanes <= _MOST for tensor in laned)


def _at_once(planned: _Planned, lanes: int) -> _Ready:
    """A call for several lanes, which are one more dimension, the first."""
    name, arguments = planned.operation.overloadpacket, planned.arguments
    if name in _JOINING:
        along = arguments[1] if len(arguments) > 1 else 0
        planned = planned._replace(arguments=(arguments[0], along + 1 if along >= 0 else along))
        return _ready(planned, lambda lane: lane.each[:lanes])
    dimensions = max(lane.each.dim() for lane in _leaves(planned[1:], _Lane))

    def wide(lane: _Lane) -> Tensor:
        return lane.each[:lanes][(slice(None), *(None,) * (dimensions - lane.each.dim()))]

    return _ready(planned, wide)


def _ready(planned: _Planned, lane: Callable[[_Lane], Tensor]) -> _Ready:
    """A call with every lane's tensors put in."""
    arguments, keywords, results = (_with(part, _Lane, lane) for part in planned[1:])
    if planned.operation._schema.is_mutable:
        return planned.operation._op, arguments, keywords
    return _into(planned.operation, arguments, keywords, results)


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
