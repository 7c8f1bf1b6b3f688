"""The choices a migration is run with (contract §5): show, entity map, time zone, missing counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tvmigrate.contract.old_layout import CONTRACT, OldLayout
from tvmigrate.contract.unicode import is_blank
from tvmigrate.errors import UsageError

SHOW = "TVMIGRATE_SHOW"
KEEP_ENTITIES = "TVMIGRATE_KEEP_ENTITIES"
ENTITY_MAP = "TVMIGRATE_ENTITY_MAP"
TIMEZONE = "TVMIGRATE_TIMEZONE"
MISSING_COUNTS = "TVMIGRATE_MISSING_COUNTS"
OLD_LAYOUT = "TVMIGRATE_OLD_LAYOUT"


@dataclass(frozen=True, slots=True)
class Policy:
    """What the operator decided; every mapping rule takes it.

    Exactly one of `show` (program ids become `{show}/{entity}`) and `keep_entities` is set. `entity_map` (old entity →
    program id) wins over both. `timezone` is an IANA name for text without an offset. `zero_missing_counts` maps an
    eaos key without any count to zeros instead of quarantining it. `layout` has the site's own names of old data.

    Raises:
        UsageError: neither or both of `show` and `keep_entities`, a show name with a forbidden character, an unknown
            time zone, or an entity map with a blank side.
    """

    show: str | None = None
    keep_entities: bool = False
    entity_map: Mapping[str, str] = field(default_factory=dict)
    timezone: str = "UTC"
    zero_missing_counts: bool = False
    layout: OldLayout = CONTRACT

    def __post_init__(self) -> None:
        if (self.show is None) != self.keep_entities:
            raise UsageError(
                "Say how an old entity becomes a program id: either --show NAME (contestant_1 becomes "
                "NAME/contestant_1) or --keep-entities (it stays contestant_1); exactly one of the two must be given."
            )
        if self.show is not None:
            _check_show(self.show)
        for old, new in self.entity_map.items():
            if is_blank(old) or is_blank(new):
                raise UsageError(f"The entity map holds {old!r} → {new!r}: neither side may be empty or blank.")
            if not _encodable(old) or not _encodable(new):
                raise UsageError(f"The entity map holds {old!r} → {new!r}, which is not Unicode text.")
        try:
            ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise UsageError(
                f"{self.timezone!r} is no time zone of the IANA database; give a name such as Asia/Ho_Chi_Minh or UTC."
            ) from error

    @property
    def zone(self) -> ZoneInfo:
        """The time zone object of `timezone` (cached by zoneinfo)."""
        return ZoneInfo(self.timezone)

    def environ(self, entity_map_path: str | None = None, old_layout_path: str | None = None) -> dict[str, str]:
        """Return the variables a migration command reads its policy from (contract §5).

        `entity_map_path` names the file that holds `entity_map`; it is needed when the map is not empty. So is
        `old_layout_path`, of the file that holds `layout`, where that is not the contract's.

        Raises:
            ValueError: the map is not empty, or the layout another, and no path was given.
        """
        if self.entity_map and not entity_map_path:
            raise ValueError("a policy with an entity map needs the path of its file")
        if self.layout != CONTRACT and not old_layout_path:
            raise ValueError("a policy with an old layout needs the path of its file")
        variables = {
            TIMEZONE: self.timezone,
            MISSING_COUNTS: "zero" if self.zero_missing_counts else "quarantine",
        }
        if self.show is not None:
            variables[SHOW] = self.show
        if self.keep_entities:
            variables[KEEP_ENTITIES] = "1"
        if entity_map_path:
            variables[ENTITY_MAP] = entity_map_path
        if old_layout_path:
            variables[OLD_LAYOUT] = old_layout_path
        return variables


def _encodable(text: str) -> bool:
    return not any("\ud800" <= char <= "\udfff" for char in text)


def _check_show(show: str) -> None:
    forbidden = sorted({char for char in show if char in "/:" or not char.isprintable() or is_blank(char)})
    if not show or forbidden or not _encodable(show):
        found = "it is empty" if not show else f"it holds {', '.join(map(repr, forbidden))}"
        raise UsageError(
            f"The show name {show!r} cannot be used: {found}. It becomes the first part of every program id, so it may "
            "hold no '/', ':', control or blank characters; try a name such as the_voice."
        )
