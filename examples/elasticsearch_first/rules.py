"""The mapping rules as somebody else would write them: plain functions, nothing of tvmigrate imported.

A value that cannot be mapped raises `Bad`; the scripts set the record aside.
"""

import json
import math
import os
import re
import unicodedata
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

SHOW = os.environ.get("TVMIGRATE_SHOW")
ENTITY_MAP = json.loads(Path(os.environ["TVMIGRATE_ENTITY_MAP"]).read_text()) if "TVMIGRATE_ENTITY_MAP" in os.environ else {}
ZONE = ZoneInfo(os.environ.get("TVMIGRATE_TIMEZONE", "UTC"))
ZERO_COUNTS = os.environ.get("TVMIGRATE_MISSING_COUNTS") == "zero"
BLANKS = "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
LABELS = {"tích cực": "positive", "tiêu cực": "negative", "trung lập": "neutral"}
LABELS |= {label: label for label in LABELS.values()}
RANGES = {"5m": "5min", "15m": "15min", "60m": "1hour"}


class Bad(Exception):
    """This record has to be set aside; the text is the contract's reason."""


def program(entity):
    if not isinstance(entity, str):
        raise Bad("bad-json")
    if not entity.strip(BLANKS):
        raise Bad("empty-entity")
    if entity in ENTITY_MAP:
        return ENTITY_MAP[entity]
    return entity if "/" in entity or not SHOW else f"{SHOW}/{entity}"


def sentiment(label):
    folded = unicodedata.normalize("NFC", label).strip(BLANKS).lower() if isinstance(label, str) else None
    if folded not in LABELS:
        raise Bad("unknown-sentiment")
    return LABELS[folded]


def count(value):
    if isinstance(value, str) and re.fullmatch("[0-9]+", value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or value != int(value) or not 0 <= value < 2**63:
        raise Bad("bad-count")
    return int(value)


def number(value):
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise Bad("bad-number")
    if not math.isfinite(float(value)):
        raise Bad("not-finite")
    return value if isinstance(value, int) else float(value)


def nanoseconds(value):
    """Return an instant as whole nanoseconds since 1970 in UTC."""
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise Bad("bad-timestamp")
    if not isinstance(value, str):
        ns = Decimal(value) * (10**9 if abs(value) < 10**11 else 10**6)
        if ns != int(ns) or not -62135596800 * 10**9 <= ns < 253402300800 * 10**9:
            raise Bad("bad-timestamp")
        return int(ns)
    parts = re.fullmatch(r"(\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(?::\d\d)?)(?:[.,](\d{1,9}))?([Zz]|[+-]\d\d:?(?:\d\d)?)?", value, re.ASCII)
    try:
        moment = datetime.fromisoformat(parts[1].upper())
        zone = (parts[3] or "").upper().replace(":", "")
        if zone:
            minutes = 0 if zone == "Z" else int(zone[1:3]) * 60 + int(zone[3:] or 0)
            offset = timedelta(minutes=minutes if zone[0] != "-" else -minutes)
            if minutes >= 24 * 60 or zone[3:] > "59":
                raise Bad("bad-timestamp")
            moment = moment.replace(tzinfo=UTC) - offset
        else:
            moment = moment.replace(tzinfo=ZONE)
            if moment.astimezone(UTC).astimezone(ZONE).replace(tzinfo=None) != moment.replace(tzinfo=None):
                raise Bad("bad-timestamp")  # skipped by a clock
        seconds = (moment.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1)
    except (TypeError, ValueError, OverflowError):
        raise Bad("bad-timestamp") from None
    return seconds * 10**9 + int((parts[2] or "0").ljust(9, "0"))


def utc(ns):
    text = (datetime(1970, 1, 1) + timedelta(seconds=ns // 10**9)).isoformat()
    return text + (f".{ns % 10**9:09}" if ns % 10**9 else "") + "Z"


def topics(value):
    if isinstance(value, str):
        return [t for t in (t.strip(BLANKS) for t in value.split(",")) if t]
    if not isinstance(value, list) or not all(isinstance(t, str) for t in value):
        raise Bad("bad-json")
    return value


def once(pairs):
    for name, value in pairs:
        if any(other == name and repr(v) != repr(value) for other, v in pairs):
            raise Bad("conflicting-fields")
    return dict(pairs)


def not_finite(name):
    raise Bad("not-finite")


def read_json(raw):
    try:
        value = json.loads(raw.decode() if isinstance(raw, bytes) else raw, parse_float=Decimal, parse_constant=not_finite, object_pairs_hook=once)
        json.dumps(value, default=str, ensure_ascii=False).encode()
    except UnicodeError:
        raise Bad("not-utf8") from None
    except (ValueError, RecursionError):
        raise Bad("bad-json") from None
    return value


def agreed(values, default=Bad("missing-field")):
    values = list(values)
    if any(v != values[0] for v in values):
        raise Bad("conflicting-fields")
    if not values and isinstance(default, Bad):
        raise default
    return values[0] if values else default
