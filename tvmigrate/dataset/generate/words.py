"""Vietnamese comments as an audience writes them, and the labels that their writers used."""

from __future__ import annotations

import unicodedata

USERS = (
    "lan.nguyen", "minh_tran", "Hoàng Anh ", "thu.pham", "quoc-bao", "BéNa🌸", "hà linh ", "tuan", "ngoc_mai",
    "Đặng Khoa ", "vy.le", "trang_bui",
)  # fmt: skip
# Slices of it are a comment's topics; it goes round, and one topic follows itself.
TOPICS = (
    "giọng hát", "trang phục", "vũ đạo", "giám khảo", "kịch bản", "âm thanh", "sân khấu", "bài hát", "show", "show",
    "performance", "cảm xúc", "phần thi", "🔥", unicodedata.normalize("NFD", "giọng hát"), "chung kết",
)  # fmt: skip
OPENINGS = (
    "Trời ơi,", "Thật sự", "Mình thấy", "Công nhận", "Nói thật là", "Cả nhà ơi,", "Tối nay", "Ôi,", "Cho mình hỏi,",
    "Đúng là",
)  # fmt: skip
PHRASES = (
    # of a positive, a neutral and a negative comment, as many of each
    "hay quá", "đỉnh của chóp 🔥", "xúc động ghê", "tuyệt vời", "nghe nổi da gà", "xứng đáng vào chung kết 👏",
    "cũng được", "bình thường", "để xem vòng sau", "chưa có gì mới", "xem cho vui", "tạm ổn",
    "chán quá", "hụt hơi rồi", "lệch tông", "không xứng đáng", "dàn dựng rối mắt", "thất vọng 😞",
)  # fmt: skip
PHRASES_OF_ONE = 6
ENDINGS = (
    "", "!", "...", " ❤️", " 😂😂", ", mọi người thấy sao?", ", tuần sau xem tiếp nhé", " (xem lại lần 3)",
    ', chị bảo: "đỉnh"', "\nvote cho đội mình nha", " \\o/", " 👩‍👩‍👧",
)  # fmt: skip
LABELS = (
    # of a positive, a neutral and a negative comment, as many of each; the first four are the common ones
    "tích cực", "tích cực", "tích cực", "positive", "Tích cực", "POSITIVE", " tích cực ",
    unicodedata.normalize("NFD", "tích cực"),
    "trung lập", "trung lập", "trung lập", "neutral", "Trung Lập", "Neutral\u00a0", "\u3000trung lập",
    unicodedata.normalize("NFD", "TRUNG LẬP"),
    "tiêu cực", "tiêu cực", "tiêu cực", "negative", "TIÊU CỰC", "Negative", "tiêu cực\n",
    unicodedata.normalize("NFD", "tiêu cực"),
)  # fmt: skip
LABELS_OF_ONE = 8
# The third is the first label's UTF-8 read as Windows-1252.
UNKNOWN_LABELS = ("vui vẻ", "", "tÃ\u00adch cá»±c", "không rõ", "poſitive")
