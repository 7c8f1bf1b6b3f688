"""The words that a question is read by, folded: lower case, without the marks of Vietnamese letters."""

from __future__ import annotations

import unicodedata

from tvmigrate.contract.values import SENTIMENTS


def fold(text: str) -> str:
    """Return `text` in lower case without diacritical marks, as many people type Vietnamese: `điểm` is `diem`."""
    apart = unicodedata.normalize("NFD", text.casefold())
    return "".join(char for char in apart if unicodedata.category(char) != "Mn").replace("đ", "d")


# Names of tools as they are asked for; a longer phrase wins over a shorter one in it.
INTENTS: dict[str, tuple[str, ...]] = {
    "compare_programs": ("compare", "comparison", "compare programs", "versus", "vs", "so sanh"),
    "eaos_history": (
        "history", "eaos history", "history of eaos", "over time", "timeline", "measurements",
        "lich su", "lich su eaos", "lich su diem", "dien bien", "theo thoi gian", "qua thoi gian",
    ),
    "top_trends": (
        "trends", "trend", "trending", "top trends", "trending topics", "hot topics", "top topics",
        "xu huong", "thinh hanh", "chu de hot", "chu de nong", "dang hot", "chu de thinh hanh",
    ),
    "search_comments": (
        "search", "search comments", "search for", "find", "find comments", "comments", "comment", "what do people say",
        "tim", "tim kiem", "tim binh luan", "binh luan", "nhan xet", "y kien",
    ),
    "topics": ("topics", "topic", "themes", "chu de", "cac chu de", "noi ve gi"),
    "anomalies": ("anomalies", "anomaly", "unusual", "outliers", "alerts", "bat thuong", "su bat thuong", "canh bao"),
    "list_programs": (
        "programs", "list programs", "list of programs", "which programs", "all programs",
        "chuong trinh", "cac chuong trinh", "danh sach chuong trinh", "nhung chuong trinh", "chuong trinh nao",
    ),
    "current_eaos": (
        "eaos", "current eaos", "eaos score", "score", "diem", "diem so", "diem eaos", "chi so", "chi so eaos",
    ),
}  # fmt: skip
# Their words also stand beside others' (`history of the score`, `topics of the programs`): meant only if none else is.
WEAKER = ("list_programs", "current_eaos")

SENTIMENT_WORDS = {fold(label): meaning.value for label, meaning in SENTIMENTS.items()}
SORT_WORDS = {
    "newest": "newest", "latest": "newest", "last": "newest", "most recent": "newest", "recent": "newest",
    "moi nhat": "newest", "gan day nhat": "newest", "oldest": "oldest", "cu nhat": "oldest",
    "most relevant": "relevance",
}  # fmt: skip
NOW_WORDS = ("current", "currently", "right now", "now", "latest", "hien tai", "hien nay", "bay gio", "luc nay")

UNITS = {
    **dict.fromkeys(("min", "mins", "minute", "minutes", "m", "phut", "p"), "min"),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours", "gio", "tieng"), "h"),
    **dict.fromkeys(("d", "day", "days", "ngay"), "d"),
    **dict.fromkeys(("w", "week", "weeks", "tuan"), "w"),
}
BEFORE_A_NAME = ("of", "for", "in", "on", "about", "cua", "cho", "trong", "ve")
BETWEEN_NAMES = ("and", "with", "to", "va", "voi", "vs", "versus")

# Words that say nothing about which call is meant.
EMPTY_WORDS = frozenset(BETWEEN_NAMES) | frozenset(
    [
        "a",
        "an",
        "the",
        "is",
        "are",
        "was",
        "were",
        "what",
        "what's",
        "whats",
        "which",
        "who",
        "how",
        "many",
        "much",
        "there",
        "any",
        "all",
        "me",
        "us",
        "please",
        "show",
        "give",
        "get",
        "list",
        "tell",
        "display",
        "see",
        "view",
        "i",
        "want",
        "would",
        "like",
        "to",
        "can",
        "could",
        "you",
        "do",
        "does",
        "did",
        "have",
        "has",
        "been",
        "be",
        "it",
        "its",
        "this",
        "that",
        "these",
        "those",
        "of",
        "for",
        "in",
        "on",
        "at",
        "by",
        "with",
        "about",
        "and",
        "or",
        "from",
        "over",
        "during",
        "within",
        "program",
        "programme",
        "contestant",
        "segment",
        "people",
        "viewers",
        "users",
        "say",
        "said",
        "saying",
        "mention",
        "mentioning",
        "containing",
        "cua",
        "cho",
        "trong",
        "ve",
        "va",
        "la",
        "nhung",
        "cac",
        "mot",
        "nao",
        "gi",
        "bao",
        "nhieu",
        "the",
        "xem",
        "toi",
        "muon",
        "co",
        "duoc",
        "tai",
        "o",
        "theo",
        "lay",
        "dua",
        "ra",
        "hien",
        "thi",
        "liet",
        "ke",
        "giup",
        "xin",
        "vui",
        "long",
        "a",
        "oi",
        "nhe",
        "di",
        "ban",
        "minh",
        "chua",
        "noi",
        "den",
        "den",
        "nguoi",
        "khan",
        "gia",
        "so",
        "chuong",
        "trinh",
        "thi",
        "sinh",
        "danh",
        "sach",
    ]
)

# What stands between a text to search for and a name: `great show in the_voice/contestant_1`.
LINKING_WORDS = frozenset(
    (*BEFORE_A_NAME, *BETWEEN_NAMES, "the", "a", "by", "from", "at", "is", "please", "la", "o", "tai")
)

EXAMPLES = (
    "eaos of the_voice/contestant_1",
    "điểm EAOS của the_voice/contestant_1",
    "history of the_voice/contestant_1 last 7 days",
    "lịch sử the_voice/contestant_1 trong 24 giờ qua",
    "trends 15min",
    "top 5 xu hướng 1 giờ",
    "negative comments of the_voice/contestant_1 today",
    'tìm bình luận "hát hay" của the_voice/contestant_1',
    "topics of the_voice/contestant_1",
    "chủ đề của the_voice/contestant_1 hôm nay",
    "anomalies last 24h",
    "so sánh the_voice/contestant_1 và the_voice/contestant_2",
    "which programs are there",
)
