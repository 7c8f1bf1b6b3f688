"""Unicode as the rules mean it: White_Space (not Python's or SQL's own idea of a blank), NFC, and escaping of bytes."""

from __future__ import annotations

import unicodedata

# https://www.unicode.org/Public/UCD/latest/ucd/PropList.txt, property White_Space. Python's str.strip() also takes
# U+001C..U+001F, which do not have the property.
WHITE_SPACE_RANGES = (
    (0x0009, 0x000D), (0x0020, 0x0020), (0x0085, 0x0085), (0x00A0, 0x00A0), (0x1680, 0x1680), (0x2000, 0x200A),
    (0x2028, 0x2029), (0x202F, 0x202F), (0x205F, 0x205F), (0x3000, 0x3000),
)  # fmt: skip
WHITE_SPACE = "".join(chr(c) for first, last in WHITE_SPACE_RANGES for c in range(first, last + 1))


def trim(text: str) -> str:
    """Return `text` without White_Space at either end."""
    return text.strip(WHITE_SPACE)


def is_blank(text: str) -> bool:
    """Return whether `text` is empty or only White_Space."""
    return not trim(text)


def fold_label(text: str) -> str:
    """Return a label in the form labels are compared in: NFC, trimmed, lower case (`value.sentiment`)."""
    return trim(unicodedata.normalize("NFC", text)).lower()


def show_bytes(raw: bytes) -> str:
    r"""Return `raw` as text for a record key: UTF-8 where it is, `\xNN` for other bytes, `\\` for a backslash."""
    return raw.replace(b"\\", b"\\\\").decode("utf-8", "backslashreplace")
