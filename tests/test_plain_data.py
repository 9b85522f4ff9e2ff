"""The wire's form: what goes in comes out; what is no plain data becomes a name; lies are refused."""

from __future__ import annotations

import json
import math
import os
import random
import struct
import warnings
from collections import OrderedDict
from typing import Any, NamedTuple

import numpy as np
import pytest
import safetensors.numpy
import safetensors.torch
import torch

from autograder import plain_data
from autograder.plain_data import CodecError, Opaque, dumps, loads
from tests.memory import PeakMemory


def there_and_back(value: Any) -> Any:
    return loads(dumps(value))


def same(first: Any, second: Any) -> bool:
    """Equal in type and content; NaN equals NaN."""
    if type(first) is not type(second):
        return False
    if isinstance(first, torch.Tensor):
        alike = first.dtype is second.dtype and first.shape == second.shape
        return alike and torch.equal(first.nan_to_num(7.25), second.nan_to_num(7.25))
    if isinstance(first, np.ndarray):
        alike = first.dtype == second.dtype and first.shape == second.shape
        return alike and np.array_equal(first, second, equal_nan=first.dtype.kind == "f")
    if isinstance(first, float | np.floating):
        return bool(first == second or (math.isnan(first) and math.isnan(second)))
    if isinstance(first, list | tuple):
        return len(first) == len(second) and all(map(same, first, second))
    if isinstance(first, dict):
        return same(list(first.items()), list(second.items()))
    return bool(first == second)


VALUES = [
    None,
    True,
    0,
    -1,
    2**63,
    -(10**400),
    0.1,
    -0.0,
    1e308,
    5e-324,
    math.nan,
    math.inf,
    -math.inf,
    "",
    "naïve 🙂 \0 $",
    [],
    (),
    {},
    {"$": "tensor", "v": "0"},
    {1: "a", (1, 2): [3], None: {"x": (4,)}, 2.5: True},
    [[[[1, (2, {"a": [None]})]]]],
    np.int8(-128),
    np.uint64(2**64 - 1),
    np.float16(0.1),
    np.float32(math.nan),
    np.float64(math.inf),
    np.bool_(True),
    torch.tensor(3.5),
    torch.empty(0),
    torch.empty(0, 3, 0),
    torch.tensor([math.nan, math.inf, -math.inf, -0.0]),
    torch.tensor([1.5, 2.5], dtype=torch.bfloat16),
    torch.tensor([1.5], dtype=torch.float16),
    torch.tensor([True, False]),
    torch.tensor([2**63 - 1, -(2**63)]),
    torch.arange(255, dtype=torch.uint8),
    torch.randn(2, 3, 4).permute(2, 0, 1),
    torch.ones(3).expand(2, 3),
    np.arange(6, dtype=np.float32).reshape(2, 3)[:, ::-1],
    np.array(3),
    np.zeros((0, 5), dtype=bool),
    np.array([[1, 2], [3, 4]], order="F"),
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_plain_values_come_back_as_they_were(value: Any) -> None:
    assert same(value, there_and_back(value))


@pytest.mark.parametrize("value", [np.longdouble(0.1), np.array([0.1, -2.0], np.longdouble)])
def test_extended_precision_comes_back_as_float64(value: Any) -> None:
    """Of a student's own choice of type a comparison within tolerances sees nothing."""
    assert same(np.asarray(value, np.float64)[()], there_and_back(value))


def test_numbers_of_another_machines_byte_order_come_back_in_ours() -> None:
    there = np.array([1, 258], dtype=np.dtype(np.int32).newbyteorder("S"))
    assert same(np.array([1, 258], dtype=np.int32), there_and_back(there))


def test_tensors_that_share_memory_come_back_as_two() -> None:
    whole = torch.arange(6.0)
    first, second = there_and_back([whole[:4], whole[2:]])
    first.zero_()
    assert second.tolist() == [2, 3, 4, 5]


def test_a_parameter_comes_back_without_its_gradient() -> None:
    layer = torch.nn.Linear(2, 2)
    back = there_and_back(dict(layer.named_parameters()))
    assert type(back["weight"]) is torch.Tensor
    assert not back["weight"].requires_grad


class Pair(NamedTuple):
    left: int
    right: int


class LyingTensor(torch.Tensor):
    @property
    def shape(self) -> Any:  # type: ignore[override]
        raise RuntimeError("no shape")


class LyingArray(np.ndarray[Any, Any]):
    def __array_finalize__(self, obj: Any) -> None:
        pass

    def __array__(self, *_: Any, **__: Any) -> Any:
        return np.array(["forged"])


class LyingNumber(float):
    def __repr__(self) -> str:
        return "1.0, 'forged': 2.0"


class LyingText(str):
    __slots__ = ()


def test_subclasses_of_containers_come_back_as_the_plain_ones() -> None:
    assert same(there_and_back(Pair(1, 2)), (1, 2))
    assert same(there_and_back(OrderedDict(a=1)), {"a": 1})


def odd_objects() -> list[tuple[Any, str]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sparse = torch.eye(2).to_sparse()
        csr = torch.eye(2).to_sparse_csr()
        nested = torch.nested.nested_tensor([torch.zeros(1), torch.zeros(2)])
        quantised = torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8)
    names = ("float8_e5m2fnuz", "float8_e8m0fnu", "uint4", "bits8")  # an older torch lacks some
    rare = [getattr(torch, name) for name in names if hasattr(torch, name)]
    return [
        (object(), "object"),
        (lambda: 1, "function"),
        (torch.nn.Linear(1, 1), "Linear"),
        (sparse, "sparse"),
        (csr, "sparse"),
        (nested, "nested"),
        (quantised, "quantised"),
        (torch.empty(2, device="meta"), "meta"),
        (torch.tensor([1j]), "complex"),
        (np.array([1j]), "complex"),
        (np.array([object()]), "object"),
        (np.array(["a"]), "str"),
        (np.datetime64("2020-01-01"), "datetime64"),
        *((torch.empty(2, dtype=kind), str(kind)[6:]) for kind in rare),
        (torch.ones((1,) * 70), "odd"),
        (torch.empty(0, 2**40), "odd"),
        (np.empty((2**40, 0)), "odd"),
        (1j, "complex"),
        (b"bytes", "bytes"),
        ({1, 2}, "set"),
        (LyingNumber(1.0), "LyingNumber"),
        (LyingText("a"), "LyingText"),
        (Opaque("Linear", "some words"), "Linear"),
    ]


@pytest.mark.parametrize(("value", "name"), odd_objects(), ids=lambda part: type(part).__name__)
def test_what_is_no_plain_data_becomes_the_name_of_its_type(value: Any, name: str) -> None:
    back = there_and_back([value, "and more"])
    assert isinstance(back[0], Opaque)
    assert name in back[0].type_name
    assert back[1] == "and more"


def test_lying_subclasses_of_tensors_and_arrays_lose_their_lies() -> None:
    tensor = torch.ones(2).as_subclass(LyingTensor)
    assert same(there_and_back(tensor), torch.ones(2))
    assert same(there_and_back(np.ones(2).view(LyingArray)), np.ones(2))


def test_a_value_that_holds_itself_is_refused() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(CodecError, match="deep"):
        dumps(endless)


def test_too_many_parts_are_refused() -> None:
    with pytest.raises(CodecError, match="parts"):
        dumps([0] * (plain_data.MAX_NODES + 1))


def test_a_long_text_is_cut() -> None:
    assert len(there_and_back("x" * (plain_data.MAX_TEXT + 5))) == plain_data.MAX_TEXT


def message(tree: Any, blob: bytes = b"") -> bytes:
    text = tree if isinstance(tree, bytes) else json.dumps(tree).encode()
    return len(text).to_bytes(8, "little") + text + blob


def safetensors_blob(header: Any, data: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def entry(dtype: str = "F32", shape: Any = (0,), offsets: Any = (0, 0)) -> dict[str, Any]:
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


TENSOR, ARRAY = {"$": "tensor", "v": "0"}, {"$": "array", "v": "0"}


def one_tensor(
    shape: Any = (1,), offsets: Any = (0, 4), data: bytes = b"1234", tree: Any = TENSOR
) -> bytes:
    """A message with one tensor: a number, where nothing else is said of it."""
    return message(tree, safetensors_blob({"0": entry(shape=shape, offsets=offsets)}, data))


FORGED = {
    "nothing": b"",
    "short": b"\1\2\3",
    "longer than it is": (10**9).to_bytes(8, "little") + b"{}",
    "no JSON": message(b"{"),
    "no text": message(b"\xff\xfe\xfd"),
    "NaN": message(b"NaN"),
    "a huge float": message(b'{"$": "scalar", "type": "int8", "v": 1e999}'),
    "a huge integer": message(b"9" * 5000),
    "nested lists": message(b"[" * 100_000 + b"]" * 100_000),
    "lists within the parser's depth": message(b"[" * 500 + b"]" * 500),
    "unknown kind": message({"$": "pickle", "v": "gASV"}),
    "no kind": message({"v": 1}),
    "a kind that is a list": message({"$": ["tensor"], "v": "0"}),
    "a float of words": message({"$": "float", "v": "__import__('os')"}),
    "a float that is a list": message({"$": "float", "v": []}),
    "scalar out of range": message({"$": "scalar", "type": "int8", "v": 300}),
    "scalar NaN for an integer": message({"$": "scalar", "type": "int64", "v": "nan"}),
    "scalar of an object type": message({"$": "scalar", "type": "object", "v": 1}),
    "scalar with a list for a type": message({"$": "scalar", "type": ["int8"], "v": 1}),
    "scalar of text": message({"$": "scalar", "type": "float64", "v": "1"}),
    "scalar too large": message({"$": "scalar", "type": "float64", "v": 10**400}),
    "a tensor that is not there": message(TENSOR),
    "a tensor by a list": message({"$": "tensor", "v": ["0"]}),
    "a dict of singles": message({"$": "dict", "v": [[1]]}),
    "a dict of texts": message({"$": "dict", "v": ["ab"]}),
    "a dict with a list for a key": message({"$": "dict", "v": [[[1], 2]]}),
    "a tuple of text": message({"$": "tuple", "v": "ab"}),
    "an object without a type": message({"$": "object", "type": 5}),
    "many parts": message([0] * 500_000),
    "a blob of nothing": message(TENSOR, b"\0" * 8),
    "a blob with a huge header": message(TENSOR, b"\xff" * 8 + b"{}"),
    "a blob that is cut": one_tensor((4,), (0, 16), b""),
    "a blob that overlaps": message(
        TENSOR,
        safetensors_blob(
            {"0": entry(shape=(1,), offsets=(0, 4)), "1": entry(shape=(1,), offsets=(0, 4))},
            b"1234",
        ),
    ),
    "a shape that lies": one_tensor((9,)),
    "a shape of many sides": one_tensor((1,) * 65),
    "an array of many sides": one_tensor((1,) * 65, tree=ARRAY),
    "a shape of long numbers": one_tensor((10**4000,) * 9),
    "an empty shape with a large side": one_tensor((2**30, 0), (0, 0), b""),
    "a shape of text": message(TENSOR, safetensors_blob({"0": {**entry(), "shape": "0"}})),
    "a shape of fractions": one_tensor((0.0,), (0, 0), b""),
    "offsets that go back": one_tensor(offsets=(4, 0)),
    "a tensor twice": one_tensor(tree=[TENSOR, TENSOR]),
    "a tensor and the same as an array": one_tensor(tree=[TENSOR, ARRAY]),
    "a tensor that belongs to nothing": one_tensor(tree=[1]),
    "another encoding": message("[1]".encode("utf-16")),
    "a scalar of another type": message({"$": "scalar", "type": "int8", "v": 1.5}),
    "a number for a bool": message({"$": "scalar", "type": "bool", "v": 2}),
    "a float16 out of range": message({"$": "scalar", "type": "float16", "v": 1e9}),
    "words that are a list": message({"$": "object", "type": "a", "text": [[]]}),
    "a shape that overflows": one_tensor((2**62, 8), (0, 0), b""),
    "an empty shape with a huge side": one_tensor((0, 2**63 - 1, 2**63 - 1), (0, 0), b""),
    "a gap between tensors": message(
        TENSOR,
        safetensors_blob(
            {"0": entry(shape=(1,), offsets=(0, 4)), "1": entry(shape=(1,), offsets=(8, 12))},
            b"123456789012",
        ),
    ),
    "more than its tensors": one_tensor(data=b"12345678"),
    "an offset of truth": one_tensor(offsets=(False, 4)),
    "a header that is a list": message(TENSOR, safetensors_blob([1])),
    "a negative shape": one_tensor((-1,), (0, 0), b""),
    "an unknown number type": message(TENSOR, safetensors_blob({"0": entry(dtype="F7")})),
    "a number type torch may not know": message(
        TENSOR, safetensors_blob({"0": entry("F4", (2,), (0, 1))}, b"1")
    ),
    "an array NumPy does not know": message(
        ARRAY, safetensors_blob({"0": entry("BF16", (1,), (0, 2))}, b"12")
    ),
    "a header of many tensors": message(
        TENSOR, safetensors_blob({str(n): entry() for n in range(50_000)}) + b"1"
    ),
}


@pytest.mark.parametrize("forged", FORGED.values(), ids=FORGED)
def test_a_forged_message_is_refused(forged: bytes) -> None:
    with pytest.raises(CodecError):
        loads(forged)


@pytest.mark.parametrize(
    "dtype", ["F8_E4M3", "F8_E5M2", "F8_E8M0", "U16", "U32", "U64", "C64", "I16"]
)
def test_a_rare_number_type_is_a_tensor_or_refused(dtype: str) -> None:
    size = {"C64": 8, "U64": 8, "U32": 4, "U16": 2, "I16": 2}.get(dtype, 1)
    blob = safetensors_blob({"0": entry(dtype, (1,), (0, size))}, b"\0" * size)
    try:
        assert isinstance(loads(message(TENSOR, blob)), torch.Tensor)
    except CodecError:
        pass


def test_a_shape_that_would_be_multiplied_for_hours_is_refused_at_once() -> None:
    """Python cannot be interrupted while it multiplies; this many long numbers took an hour."""
    shape = b",".join([b"9" * 4000] * 3900)
    header = b'{"0":{"dtype":"F32","shape":[' + shape + b'],"data_offsets":[0,4]}}'
    with pytest.raises(CodecError, match="size"):
        loads(message(TENSOR, safetensors_blob(header, b"1234")))


def test_bytes_of_a_bool_are_0_or_1() -> None:
    """What a sum makes of others is for each library, and each version of it, to choose."""
    blob = safetensors_blob({"0": entry("BOOL", (4,), (0, 4))}, b"\x00\x01\x02\xff")
    for kind in ("tensor", "array"):
        back = loads(message({"$": kind, "v": "0"}, blob))
        assert np.asarray(back).view(np.uint8).tolist() == [0, 1, 1, 1]


def test_our_own_want_of_memory_is_no_fault_of_the_message(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = dumps(torch.ones(3))

    def empty(*_: Any, **__: Any) -> torch.Tensor:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr(torch, "empty", empty)
    with pytest.raises(MemoryError, match="allocate"):
        loads(whole)


@pytest.mark.parametrize("writer", [safetensors.torch.save, safetensors.numpy.save])
def test_what_safetensors_writes_is_read_to_the_same_bits(writer: Any) -> None:
    """Whatever the types, shapes and order are; and a note beside the tensors is no tensor."""
    generator = random.Random(5)
    kinds = [getattr(torch, name) for name in plain_data._DTYPES.values()]
    if writer is safetensors.numpy.save:
        kinds = [kind for kind in kinds if "bfloat" not in str(kind) and "float8" not in str(kind)]
    for _ in range(100):
        written = {}
        for number in range(generator.randint(1, 6)):
            kind = generator.choice(kinds)
            shape = [generator.randint(0, 4) for _ in range(generator.randint(0, 4))]
            raw = generator.randbytes(math.prod(shape) * kind.itemsize)
            if kind is torch.bool:
                raw = bytes(byte % 2 for byte in raw)
            flat = torch.tensor(list(raw), dtype=torch.uint8)
            written[str(number)] = flat.view(kind).reshape(shape)
        given: dict[str, Any] = {name: tensor.clone() for name, tensor in written.items()}
        if writer is safetensors.numpy.save:
            given = {name: tensor.numpy() for name, tensor in given.items()}
        tree = {"$": "dict", "v": [[name, {"$": "tensor", "v": name}] for name in written]}
        read = loads(message(tree, writer(given, metadata={"format": "any"})))
        for name, tensor in written.items():
            assert read[name].dtype is tensor.dtype
            assert read[name].shape == tensor.shape
            first, second = (one.reshape(-1).view(torch.uint8) for one in (read[name], tensor))
            assert torch.equal(first, second)


def test_text_from_the_box_can_be_written_to_a_file() -> None:
    back = loads(message(b'["half a character: \\ud800", {"$": "object", "type": "\\udfff"}]'))
    back[0].encode()
    back[1].type_name.encode()


def test_a_large_json_part_is_refused_before_it_is_parsed() -> None:
    with pytest.raises(CodecError, match="large"):
        loads(message(b"[" + b"[]," * (plain_data.MAX_JSON // 3) + b"[]]"))
    many = {str(n): entry() for n in range(plain_data.MAX_JSON // 50)}
    with pytest.raises(CodecError, match="large"):
        loads(message(TENSOR, safetensors_blob(many)))
    with pytest.raises(CodecError, match="large"):
        dumps(["x" * plain_data.MAX_TEXT] * 20)


def test_an_integer_too_long_to_print_is_a_name() -> None:
    assert isinstance(there_and_back(10**10_000), Opaque)


def test_keys_that_collide_take_no_long_time() -> None:
    modulus = 2**61 - 1  # Python's integers hash modulo this, so all of these hash alike
    pairs = [[n * modulus, 0] for n in range(30_000)]
    with pytest.raises(CodecError, match="key"):
        loads(message({"$": "dict", "v": pairs}))


def file_of(content: bytes) -> int:
    descriptor = os.memfd_create("message")
    os.write(descriptor, content)
    return descriptor


def test_a_message_in_a_file_is_read_as_the_same_in_memory() -> None:
    whole = dumps([torch.arange(4), "text"])
    descriptor = file_of(whole + b"what lies behind it")
    assert same(plain_data.load_file(descriptor, len(whole)), loads(whole))
    os.close(descriptor)


@pytest.mark.parametrize("left", [0, 7, 8, 20, -1])
def test_a_file_that_is_shorter_than_it_was_is_refused(left: int) -> None:
    whole = dumps([torch.arange(4), "text"])
    descriptor = file_of(whole[:left])
    with pytest.raises(CodecError):
        plain_data.load_file(descriptor, len(whole))
    os.close(descriptor)


def test_a_message_is_held_once_as_its_tensors() -> None:
    whole = dumps(torch.ones(64, 2**18))  # 64 MiB
    descriptor = file_of(whole)
    size = len(whole)
    del whole
    with PeakMemory() as peak:
        tensor = plain_data.load_file(descriptor, size)
    os.close(descriptor)
    assert tensor.shape == (64, 2**18)
    assert peak.mib < 1.2 * 64


def test_random_damage_is_refused_or_harmless() -> None:
    """Whatever is done to a message, it decodes to plain data or ends in a CodecError."""
    generator = random.Random(17)
    originals = [dumps([value, {"key": value}, (1, 2.5)]) for value in VALUES]
    plain = (type(None), bool, int, float, str, list, tuple, dict, np.generic, np.ndarray)
    decoded = 0
    for _ in range(4000):
        damaged = bytearray(generator.choice(originals))
        for _ in range(generator.randint(1, 3)):
            at = generator.randrange(len(damaged)) if damaged else 0
            match generator.randrange(5):
                case 0 if damaged:
                    damaged[at] = generator.randrange(256)
                case 1:
                    damaged[at : at + generator.randint(1, 16)] = b""
                case 2:
                    damaged[at:at] = generator.randbytes(generator.randint(1, 16))
                case 3:
                    other = generator.choice(originals)
                    cut = generator.randrange(len(other))
                    damaged[at:] = other[cut:]
                case _:
                    if damaged:
                        damaged[at] = generator.choice(b'0123456789"{}[],:$ev-.\0')
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # overflow of a NumPy scalar
            try:
                value = loads(bytes(damaged))
            except CodecError:
                continue
        decoded += 1
        assert isinstance(value, (*plain, torch.Tensor, Opaque))
    assert 20 < decoded < 3900, "the damage is neither nothing nor everything"
