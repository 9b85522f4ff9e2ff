"""Plain data as JSON and safetensors: the one form in which values cross the wall.

This file is used on both sides: it is bound into the box beside `box_probe.py`, and imported by the
trusted side. It needs torch, NumPy and safetensors, which it imports when a value is coded, and
nothing of the kit's. Nothing in it executes what it reads.

A message is the length of its JSON part (8 bytes, little-endian), the JSON, and a safetensors blob.
JSON holds None, booleans, integers, finite floats and strings as they are; everything else is an
object ``{"$": kind, ...}``: tuple, dict, float (NaN and infinity), scalar (NumPy), tensor, array,
and, for all that is no plain data, object with the name of its type.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import torch

MAX_DEPTH = 32
MAX_NODES = 200_000
MAX_TEXT = 1_000_000  # characters of one string
MAX_JSON = 16 * 2**20  # bytes; parsed, a hostile one takes some twenty times as much memory
MAX_KEYS = 4096  # of one dict; keys chosen to collide take time with the square of their number
MAX_SIDES = 64  # of one tensor; neither NumPy nor most of torch takes more
_MAX_INTEGER_BITS = 4096  # Python refuses to print much longer ones
_MAX_AROUND_NOTHING = 2**28  # the product of an empty tensor's other sides

# Names of safetensors' types, and torch's, of which an older one lacks some.
_DTYPES = {
    "BOOL": "bool",
    "U8": "uint8",
    "I8": "int8",
    "U16": "uint16",
    "I16": "int16",
    "U32": "uint32",
    "I32": "int32",
    "U64": "uint64",
    "I64": "int64",
    "F16": "float16",
    "BF16": "bfloat16",
    "F32": "float32",
    "F64": "float64",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2",
}
_NUMPY_SCALARS = {name for name in _DTYPES.values() if not name.startswith(("bfloat", "float8"))}


class CodecError(ValueError):
    """Bytes that are no message of this form, or a value too large for one."""


class Opaque:
    """A value that is no plain data; only its type's name and a few words about it crossed over."""

    def __init__(self, type_name: str, text: str = "") -> None:
        self.type_name = type_name
        self.text = text

    def __repr__(self) -> str:
        return f"<{self.type_name}>"


def dumps(value: Any) -> bytes:
    """Encode a value.

    Raises:
        CodecError: as `dump_parts` does.
    """
    return b"".join(dump_parts(value))


def dump_parts(value: Any) -> tuple[bytes, ...]:
    """Encode a value, in parts that are to be written one after the other.

    Raises:
        CodecError: when it is nested deeper than MAX_DEPTH, has more than MAX_NODES parts, or is
            larger than MAX_JSON without its tensors.
    """
    import safetensors.torch

    encoder = _Encoder()
    tree = json.dumps(encoder.encode(value, 0), allow_nan=False).encode()
    if len(tree) > MAX_JSON:
        raise CodecError("the value is too large")
    blob = safetensors.torch.save(encoder.tensors) if encoder.tensors else b""
    return len(tree).to_bytes(8, "little"), tree, blob


def loads(message: bytes) -> Any:
    """Decode a message; everything about it may be a lie.

    Raises:
        CodecError: for bytes that `dumps` cannot have made.
        MemoryError: when there is too little of it here, which says nothing about the bytes.
    """

    def fill(start: int, room: memoryview) -> int:
        part = memoryview(message)[start : start + len(room)]
        room[: len(part)] = part
        return len(part)

    return _load(fill, len(message))


def load_file(descriptor: int, size: int) -> Any:
    """Decode the message that a file's first bytes are, which may change at any time.

    Each byte is read once, and looked at only then. Nothing is mapped: a file that is cut short under a
    mapping would kill this process. Tensors are read to where they stay, so the message is held once.

    Raises:
        CodecError, MemoryError: as `loads` does.
    """

    def fill(start: int, room: memoryview) -> int:
        filled = 0
        while filled < len(room):  # Linux reads 2 GiB at most; a file may have become shorter
            more = os.preadv(descriptor, [room[filled:]], start + filled)
            if not more:
                break
            filled += more
        return filled

    return _load(fill, size)


_Fill = Callable[[int, memoryview], int]  # from here on, as much as there is; how much it was


def _load(fill: _Fill, size: int) -> Any:
    try:
        tree, length = _json(fill, 0, size, MAX_JSON)
        tensors = _tensors(fill, length, size, MAX_JSON - length)
    except (CodecError, MemoryError):
        raise
    except Exception as error:  # whatever parser and torch make of a lie
        raise CodecError(f"the message is not readable: {type(error).__name__}") from None
    value = _Decoder(tensors).decode(tree, 0)
    if tensors:
        raise CodecError("a tensor belongs to nothing")
    return value


def _read(fill: _Fill, start: int, size: int) -> bytes:
    content = bytearray(size)
    if fill(start, memoryview(content)) < size:
        raise CodecError("the message is cut short")
    return bytes(content)


def _json(fill: _Fill, start: int, end: int, most: int) -> tuple[Any, int]:
    """JSON behind its length (8 bytes, little-endian), and how long both are."""
    length = int.from_bytes(_read(fill, start, min(end - start, 8)), "little")
    if length > end - start - 8:
        raise CodecError("the message is cut short")
    if length > most:
        raise CodecError("the message is too large")
    text = _read(fill, start + 8, length).decode()
    return json.loads(text, parse_constant=_refuse_constant), 8 + length


def _tensors(fill: _Fill, start: int, end: int, most: int) -> dict[str, torch.Tensor]:
    """The tensors of a safetensors blob, which is told to be one.

    safetensors' own reader wants all of a blob at once, and makes copies. The format: the length of a JSON
    header (8 bytes, little-endian), the header, and the tensors' bytes, one behind the other. Here they must
    fill the blob to its last byte, so that no more is made than was sent.

    Args:
        most: bytes that the header may have.
    """
    import torch

    if start == end:
        return {}
    header, length = _json(fill, start, end, most)
    start += length
    header.pop("__metadata__", None)
    if len(header) > MAX_NODES:
        raise CodecError("the message has too many parts")
    tensors: dict[str, torch.Tensor] = {}
    last = 0
    for name, about in sorted(header.items(), key=lambda entry: entry[1]["data_offsets"]):
        begin, stop = about["data_offsets"]
        shape, dtype = about["shape"], getattr(torch, _DTYPES[about["dtype"]])
        if not all(type(number) is int and 0 <= number < 2**63 for number in (begin, stop, *shape)):
            raise CodecError("a tensor's size is no number")
        if not _is_of_use(shape):  # before its sides, as many and long as they like, are multiplied
            raise CodecError("a tensor's shape is out of bounds")
        if begin != last or start + stop > end:
            raise CodecError("a tensor is not in its place")
        if stop - begin != math.prod(shape) * dtype.itemsize:
            raise CodecError("a tensor is not of its size")
        try:
            tensors[name] = torch.empty(shape, dtype=dtype)
        except RuntimeError as error:  # its size is right, so what is short is our memory
            raise MemoryError(str(error)) from None
        if stop > begin:
            place = tensors[name].reshape(-1).view(torch.uint8).numpy()
            if fill(start + begin, place.data) < stop - begin:
                raise CodecError("the message is cut short")
            if dtype is torch.bool:  # other bytes than 0 and 1 are true or not as it happens
                place.clip(0, 1, out=place)
        last = stop
    if start + last != end:
        raise CodecError("a blob has more than its tensors")
    return tensors


def _is_of_use(shape: Sequence[int]) -> bool:
    """Whether a tensor costs about what it holds, also where a check sums a side away."""
    if len(shape) > MAX_SIDES:
        return False
    return all(shape) or math.prod(side for side in shape if side) <= _MAX_AROUND_NOTHING


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


def _writable(text: str) -> str:
    """JSON may hold halves of characters, which no file and no database takes."""
    return text.encode("utf-8", "replace").decode()


class _Encoder:
    def __init__(self) -> None:
        self.tensors: dict[str, torch.Tensor] = {}
        self._nodes = 0

    def encode(self, value: Any, depth: int) -> Any:
        import numpy as np
        import torch

        self._nodes += 1
        if depth > MAX_DEPTH or self._nodes > MAX_NODES:
            raise CodecError("the value is nested too deeply or has too many parts")
        if value is None or type(value) is bool:
            return value
        if type(value) is int:
            return value if value.bit_length() <= _MAX_INTEGER_BITS else self._object("huge int")
        if type(value) is str:
            return value[:MAX_TEXT]
        if type(value) is float:
            return value if math.isfinite(value) else {"$": "float", "v": repr(value)}
        if isinstance(value, np.generic):
            return self._scalar(value)
        if isinstance(value, torch.Tensor):
            return self._tensor(value)
        if isinstance(value, np.ndarray):
            return self._array(value)
        if isinstance(value, list):
            return [self.encode(part, depth + 1) for part in value]
        if isinstance(value, tuple):
            return {"$": "tuple", "v": [self.encode(part, depth + 1) for part in value]}
        if isinstance(value, dict):
            if len(value) > MAX_KEYS:
                raise CodecError("a dict has too many keys")
            pairs = [
                [self.encode(k, depth + 1), self.encode(v, depth + 1)] for k, v in value.items()
            ]
            return {"$": "dict", "v": pairs}
        if isinstance(value, Opaque):
            return self._object(value.type_name, value.text)
        return self._object(type(value).__name__)

    def _object(self, type_name: str, text: str = "") -> dict[str, str]:
        return {"$": "object", "type": str(type_name)[:100], "text": str(text)[:200]}

    def _scalar(self, value: np.generic) -> Any:
        import numpy as np

        if value.dtype.type is np.longdouble:
            value = np.float64(value)
        name = value.dtype.name
        if name not in _NUMPY_SCALARS:
            return self._object(f"numpy.{name}")
        plain = value.item()
        if isinstance(plain, float) and not math.isfinite(plain):
            plain = repr(plain)
        return {"$": "scalar", "type": name, "v": plain}

    def _tensor(self, value: torch.Tensor) -> Any:
        import torch

        if value.layout is not torch.strided:
            return self._object("sparse tensor")
        plain = value.detach().as_subclass(torch.Tensor)
        for lies, word in (
            (plain.is_meta, "meta tensor"),
            (plain.is_nested, "nested tensor"),
            (plain.is_quantized, "quantised tensor"),
            (plain.is_complex(), "complex tensor"),
        ):
            if lies:
                return self._object(word)
        name = str(plain.dtype).removeprefix("torch.")
        if name not in _DTYPES.values() or not _is_of_use(plain.shape):
            return self._object(f"{name} tensor of odd kind or shape")
        key = str(len(self.tensors))
        # A copy of its own: safetensors refuses tensors that share memory.
        self.tensors[key] = torch.empty(plain.shape, dtype=plain.dtype).copy_(plain)
        return {"$": "tensor", "v": key}

    def _array(self, value: Any) -> Any:
        import numpy as np
        import torch

        if value.dtype.kind not in "fiub":
            return self._object(f"numpy array of {value.dtype.name}")
        if not _is_of_use(value.shape):
            return self._object("numpy array of odd shape")
        if not value.dtype.isnative or value.dtype.type is np.longdouble:
            # torch has neither; of extended precision a float64 keeps what a comparison can see.
            extended = value.dtype.type is np.longdouble
            value = value.astype(np.float64 if extended else value.dtype.newbyteorder("="))
        try:
            tensor = torch.from_numpy(np.array(value, order="C", subok=False))
        except (TypeError, ValueError):
            return self._object(f"numpy array of {value.dtype.name}")
        key = str(len(self.tensors))
        self.tensors[key] = tensor
        return {"$": "array", "v": key}


class _Decoder:
    def __init__(self, tensors: dict[str, torch.Tensor]) -> None:
        self._tensors = tensors
        self._nodes = 0

    def decode(self, tree: Any, depth: int) -> Any:
        self._nodes += 1
        if depth > MAX_DEPTH + 1 or self._nodes > 2 * MAX_NODES:
            raise CodecError("the message is nested too deeply or has too many parts")
        if isinstance(tree, list):
            return [self.decode(part, depth + 1) for part in tree]
        if isinstance(tree, str):
            return _writable(tree)
        if not isinstance(tree, dict):
            return tree
        kind, value = tree.get("$"), tree.get("v")
        if kind == "tuple" and isinstance(value, list):
            return tuple(self.decode(part, depth + 1) for part in value)
        if kind == "dict" and isinstance(value, list):
            return self._dict(value, depth)
        if kind == "float" and value in ("nan", "inf", "-inf"):
            return float(value)
        if kind == "scalar" and isinstance(tree.get("type"), str):
            return self._scalar(tree["type"], value)
        if kind in ("tensor", "array") and isinstance(value, str) and value in self._tensors:
            tensor = self._tensors.pop(value)  # a second time it would cost what it did not weigh
            return tensor if kind == "tensor" else self._numpy(tensor)
        if kind == "object" and isinstance(tree.get("type"), str):
            text = tree.get("text", "")
            if isinstance(text, str):
                return Opaque(_writable(tree["type"][:100]), _writable(text[:200]))
        raise CodecError("the message has a part of no known kind")

    def _dict(self, pairs: list[Any], depth: int) -> dict[Any, Any]:
        if len(pairs) > MAX_KEYS:
            raise CodecError("a dict has too many keys")
        result = {}
        for pair in pairs:
            if not isinstance(pair, list) or len(pair) != 2:
                raise CodecError("a dict's part is no pair")
            key, value = (self.decode(part, depth + 1) for part in pair)
            try:
                result[key] = value
            except TypeError:
                raise CodecError("a dict's key is no plain value") from None
        return result

    def _scalar(self, name: str, value: Any) -> Any:
        import numpy as np

        if name not in _NUMPY_SCALARS:
            raise CodecError("a scalar is of no known type")
        if isinstance(value, str) and value in ("nan", "inf", "-inf"):
            value = float(value)
        scalar = np.dtype(name).type
        if type(value) is not type(scalar(0).item()):
            raise CodecError("a scalar is no number of its type")
        try:
            with np.errstate(over="raise"):
                return scalar(value)
        except (OverflowError, FloatingPointError):
            raise CodecError("a scalar does not fit its type") from None

    def _numpy(self, tensor: torch.Tensor) -> Any:
        try:
            return tensor.numpy()
        except (TypeError, RuntimeError, ValueError):
            raise CodecError("an array has a type that NumPy does not know") from None
