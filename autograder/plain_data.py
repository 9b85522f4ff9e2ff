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
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import torch

MAX_DEPTH = 32
MAX_NODES = 200_000
MAX_TEXT = 1_000_000  # characters of one string
MAX_JSON = 16 * 2**20  # bytes; parsed, a hostile one takes some twenty times as much memory
MAX_KEYS = 4096  # of one dict; keys chosen to collide take time with the square of their number
_MAX_INTEGER_BITS = 4096  # Python refuses to print much longer ones

_NUMPY_SCALARS = {
    f"{kind}{bits}"
    for kind, sizes in (
        ("int", (8, 16, 32, 64)),
        ("uint", (8, 16, 32, 64)),
        ("float", (16, 32, 64)),
    )
    for bits in sizes
} | {"bool"}
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
        CodecError: for bytes that `dumps` cannot have made.
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
    length = int.from_bytes(_read(fill, 0, min(size, 8)), "little")
    if size < 8 or length > size - 8:
        raise CodecError("the message is cut short")
    if length > MAX_JSON:
        raise CodecError("the message is too large")
    try:
        tree = json.loads(_read(fill, 8, length), parse_constant=_refuse_constant)
        tensors = _tensors(fill, 8 + length, size, MAX_JSON - length)
    except CodecError:
        raise
    except Exception as error:  # whatever parser and torch make of a lie
        raise CodecError(f"the message is not readable: {type(error).__name__}") from None
    return _Decoder(tensors).decode(tree, 0)


def _read(fill: _Fill, start: int, size: int) -> bytes:
    content = bytearray(size)
    if fill(start, memoryview(content)) < size:
        raise CodecError("the message is cut short")
    return bytes(content)


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
    length = int.from_bytes(_read(fill, start, min(end - start, 8)), "little")
    start += 8
    if length > end - start:
        raise CodecError("the message is cut short")
    if length > most:
        raise CodecError("the message is too large")
    header = json.loads(_read(fill, start, length), parse_constant=_refuse_constant)
    start += length
    header.pop("__metadata__", None)
    tensors: dict[str, torch.Tensor] = {}
    last = 0
    for name, about in sorted(header.items(), key=lambda entry: entry[1]["data_offsets"]):
        begin, stop = about["data_offsets"]
        shape, dtype = about["shape"], getattr(torch, _DTYPES[about["dtype"]])
        if not all(type(number) is int and number >= 0 for number in (begin, stop, *shape)):
            raise CodecError("a tensor's size is no number")
        if begin != last or start + stop > end:
            raise CodecError("a tensor is not in its place")
        if stop - begin != math.prod(shape) * dtype.itemsize:
            raise CodecError("a tensor is not of its size")
        tensors[name] = torch.empty(shape, dtype=dtype)
        if stop > begin:
            place = tensors[name].reshape(-1).view(torch.uint8).numpy()
            if fill(start + begin, place.data) < stop - begin:
                raise CodecError("the message is cut short")
        last = stop
    if start + last != end:
        raise CodecError("a blob has more than its tensors")
    return tensors


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
        key = str(len(self.tensors))
        # A copy of its own: safetensors refuses tensors that share memory.
        self.tensors[key] = torch.empty(plain.shape, dtype=plain.dtype).copy_(plain)
        return {"$": "tensor", "v": key}

    def _array(self, value: Any) -> Any:
        import numpy as np
        import torch

        if value.dtype.kind not in "fiub":
            return self._object(f"numpy array of {value.dtype.name}")
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
            tensor = self._tensors[value]
            return tensor if kind == "tensor" else self._numpy(tensor)
        if kind == "object" and isinstance(tree.get("type"), str):
            text = _writable(str(tree.get("text", ""))[:200])
            return Opaque(_writable(tree["type"])[:100], text)
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
        if not isinstance(value, bool | int | float):
            raise CodecError("a scalar is no number")
        try:
            return np.dtype(name).type(value)
        except (OverflowError, ValueError):
            raise CodecError("a scalar does not fit its type") from None

    def _numpy(self, tensor: torch.Tensor) -> Any:
        try:
            return tensor.numpy()
        except (TypeError, RuntimeError):
            raise CodecError("an array has a type that NumPy does not know") from None
