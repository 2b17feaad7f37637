"""One pass over the bytes of a landing file: a hash of them, and what its text looks like from outside.

Nothing is read as a cell here and no file is held in memory, whatever its size. `assets.raw.plain` decides by it
whether DuckDB may read the file.
"""

import codecs
import hashlib
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from assets.raw.folder import LandingFile

BLOCK = 2**20  # bytes looked at together
HEAD = 2**18  # bytes from which the layout is found
DIGEST = 16  # digits of the hash

_GZIP, _PARQUET = b"\x1f\x8b", b"PAR1"
_ENDS = (b"\n", b"\r", b'"')
_PRINTABLE = bytes(range(0x20, 0x7F)) + b"\r\n"


@dataclass(frozen=True)
class Surface:
    """What the bytes of a file show.

    Attributes:
        hash: of its bytes, packed as they are.
        parquet, packed: by its first bytes, not by its name.
        text: it is UTF-8 throughout, with line ends of one kind, and no NUL; False of Parquet.
        lines: of the text; a last one without an end counts.
        head: the first bytes, unpacked and without a byte-order mark.
        whole: whether `head` is all there is.
        printable: of the text no byte but letters, digits, signs and blanks of ASCII, line ends and tabs.
        quotes, tabs: whether there are any.
        signs: whether any of @ and %, without which there is no address of e-mail; True of Parquet.
        ended: its last row ends with a line end or a closing quote, so that none of it can be missing; True of Parquet.
    """

    hash: str
    parquet: bool = False
    packed: bool = False
    text: bool = False
    lines: int = 0
    head: bytes = b""
    whole: bool = False
    printable: bool = False
    quotes: bool = False
    tabs: bool = False
    signs: bool = True
    ended: bool = True


def surface(file: LandingFile) -> Surface:
    """Look at every byte of a file once.

    Raises:
        UnreadableFile: it cannot be read.
    """
    from mmm_core.inputs import opened

    with opened(file.path) as stream:
        packed_hash = hashlib.sha256()
        first = stream.read(4)
        stream.seek(0)
        packed = first.startswith(_GZIP)
        parquet = first == _PARQUET
        blocks = _blocks(stream, packed_hash)
        if parquet:
            for _ in blocks:
                pass
            return Surface(packed_hash.hexdigest()[:DIGEST], parquet=True)
        seen = _Text()
        for block in _unpacked(blocks) if packed else blocks:
            seen.add(block)
        for _ in blocks:  # what lies behind the packed text counts in the hash
            pass
    return seen.as_surface(packed_hash.hexdigest()[:DIGEST], packed)


class _Text:
    """What was seen of text so far."""

    def __init__(self) -> None:
        self.good, self.printable, self.quotes, self.tabs, self.signs = True, True, False, False, False
        self.ends = self.returns = self.pairs = self.size = 0
        self.head, self.last, self.tail = b"", b"", b""
        self.decoder = codecs.getincrementaldecoder("utf-8")()

    def add(self, block: bytes) -> None:
        if not block:  # as the unpacking ends a text that is not whole
            self.good = False
        self.size += len(block)
        if len(self.head) < HEAD:
            self.head += block[: HEAD - len(self.head)]
        self.ends += block.count(b"\n")
        self.returns += block.count(b"\r")
        self.pairs += block.count(b"\r\n") + (self.last == b"\r" and block.startswith(b"\n"))
        self.last, self.tail = block[-1:], (self.tail + block[-4:])[-4:]
        odd = block.translate(None, _PRINTABLE)
        self.quotes = self.quotes or b'"' in block
        self.signs = self.signs or b"@" in block or b"%" in block
        if odd:
            self.tabs = self.tabs or b"\t" in odd
            self.printable = self.printable and not odd.strip(b"\t")
            self.good = self.good and b"\0" not in odd
        if self.good and (not block.isascii() or self.decoder.getstate()[0]):
            try:
                self.decoder.decode(block)
            except UnicodeDecodeError:
                self.good = False

    def as_surface(self, digest: str, packed: bool) -> Surface:
        marked = self.head.startswith(codecs.BOM_UTF8)
        one_kind = self.returns == 0 or self.returns == self.pairs == self.ends
        return Surface(
            hash=digest,
            packed=packed,
            text=self.good and one_kind and self.size > 0 and not self.decoder.getstate()[0],
            lines=self.ends + (self.last != b"\n"),
            head=self.head[len(codecs.BOM_UTF8) :] if marked else self.head,
            whole=self.size <= HEAD,
            printable=self.printable,
            quotes=self.quotes,
            tabs=self.tabs,
            signs=self.signs,
            ended=self.tail.rstrip(b"\0").endswith(_ENDS),  # of UTF-16, a line end and a NUL
        )


def _blocks(stream: BinaryIO, digest: "hashlib._Hash") -> Iterator[bytes]:
    while block := stream.read(BLOCK):
        digest.update(block)
        yield block


def _unpacked(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """The text of a gzip file of one member, MAX_BYTES of it at most; an empty block where it is not whole."""
    from mmm_core.inputs import MAX_BYTES

    unpacking, size = zlib.decompressobj(wbits=31), 0
    for block in blocks:
        while block and not unpacking.eof:
            try:
                text = unpacking.decompress(block, BLOCK)
            except zlib.error:
                yield b""
                return
            block = unpacking.unconsumed_tail
            size += len(text)
            if size > MAX_BYTES:
                yield b""
                return
            if text:
                yield text
        if unpacking.eof:
            break
    if not unpacking.eof or unpacking.unused_data or next(blocks, b""):
        yield b""
