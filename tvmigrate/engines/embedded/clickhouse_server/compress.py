"""HTTP bodies packed and unpacked piece by piece: gzip, deflate, lz4, zstd and, if installed, brotli."""

from __future__ import annotations

import importlib
import zlib
from collections.abc import Iterable, Iterator
from typing import Any, Final, Protocol

import lz4.frame
import zstandard

from tvmigrate.engines.embedded.clickhouse_server.errors import Code, QueryError

# The order in which ClickHouse prefers them (src/IO/CompressionMethod.cpp, chooseHTTPCompressionMethod).
_PREFERRED: Final = ("zstd", "br", "lz4", "gzip", "deflate")


class Packer(Protocol):
    """Packs one answer."""

    def pack(self, piece: bytes) -> bytes:
        """Return what is ready of the packed stream."""
        ...

    def finish(self) -> bytes:
        """Return the rest of the packed stream."""
        ...


class _Plain:
    def pack(self, piece: bytes) -> bytes:
        return piece

    def finish(self) -> bytes:
        return b""


class _Object:
    """Any object with `compress` (or brotli's `process`) and `flush` (or its `finish`)."""

    def __init__(self, packer: Any) -> None:
        self._compress = packer.compress if hasattr(packer, "compress") else packer.process
        self._finish = packer.flush if hasattr(packer, "compress") else packer.finish

    def pack(self, piece: bytes) -> bytes:
        return bytes(self._compress(piece))

    def finish(self) -> bytes:
        return bytes(self._finish())


class _Lz4:
    def __init__(self) -> None:
        self._packer = lz4.frame.LZ4FrameCompressor()
        self._begun = False

    def pack(self, piece: bytes) -> bytes:
        head = b"" if self._begun else bytes(self._packer.begin())
        self._begun = True
        return head + bytes(self._packer.compress(piece))

    def finish(self) -> bytes:
        return (b"" if self._begun else bytes(self._packer.begin())) + bytes(self._packer.flush())


def _brotli() -> Any:
    try:
        return importlib.import_module("brotli")
    except ImportError:
        return None


def choose(accept_encoding: str) -> str | None:
    """Return the encoding in an Accept-Encoding header that ClickHouse likes best, or None for plain."""
    offered = set()
    for part in accept_encoding.split(","):
        name, _, weight = part.strip().lower().partition(";")
        if weight.replace(" ", "") not in ("q=0", "q=0.0"):
            offered.add(name.strip())
    return next((name for name in _PREFERRED if name in offered and (name != "br" or _brotli())), None)


def packer(encoding: str | None) -> Packer:
    """Return a packer for an encoding that `choose` gave."""
    if encoding is None:
        return _Plain()
    if encoding == "lz4":
        return _Lz4()
    if encoding == "zstd":
        return _Object(zstandard.ZstdCompressor(level=1).compressobj())
    if encoding == "br":
        return _Object(_brotli().Compressor(quality=3))
    return _Object(zlib.compressobj(3, zlib.DEFLATED, zlib.MAX_WBITS | 16 if encoding == "gzip" else zlib.MAX_WBITS))


def _new_unpacker(encoding: str) -> Any:
    if encoding in ("gzip", "x-gzip"):
        return zlib.decompressobj(zlib.MAX_WBITS | 16)
    if encoding == "deflate":
        return zlib.decompressobj()
    if encoding == "lz4":
        return lz4.frame.LZ4FrameDecompressor()
    if encoding == "zstd":
        return zstandard.ZstdDecompressor().decompressobj()
    raise QueryError.own(
        Code.UNKNOWN_COMPRESSION_METHOD,
        f"Unknown compression method {encoding!r}: this server reads gzip, deflate, lz4, zstd, "
        "and br if brotli is installed.",
    )


def unpack(pieces: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """Yield the unpacked bytes of a body with this Content-Encoding; several frames in a row are one body.

    Raises:
        QueryError: the encoding is unknown, or the body is damaged or ends early.
    """
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        return iter(pieces)
    if encoding == "br" and (module := _brotli()):
        return _unpack_brotli(pieces, module)
    return _unpack_frames(pieces, encoding, _new_unpacker(encoding))


def _unpack_frames(pieces: Iterable[bytes], encoding: str, unpacker: Any) -> Iterator[bytes]:
    fresh = True  # the unpacker has seen nothing of a frame yet
    for piece in pieces:
        rest = piece
        while rest:
            if unpacker.eof:
                unpacker, fresh = _new_unpacker(encoding), True
            try:
                out = unpacker.decompress(rest)
            except (zlib.error, RuntimeError, zstandard.ZstdError) as error:
                raise _damaged(encoding, str(error)) from error
            fresh = False
            rest = unpacker.unused_data if unpacker.eof else b""
            if out:
                yield out
    if not fresh and not unpacker.eof:
        raise _damaged(encoding, "it ends in the middle")


def _unpack_brotli(pieces: Iterable[bytes], module: Any) -> Iterator[bytes]:
    unpacker = module.Decompressor()
    for piece in pieces:
        try:
            out = unpacker.process(piece)
        except module.error as error:
            raise _damaged("br", str(error)) from error
        if out:
            yield out
    if not unpacker.is_finished():
        raise _damaged("br", "it ends in the middle")


def _damaged(encoding: str, why: str) -> QueryError:
    return QueryError.own(Code.CANNOT_DECOMPRESS, f"The request body is not a whole {encoding} stream: {why}.")
