// A transform for elasticdump: an old document to its new form, as one would write it in an afternoon.
const LABELS = {
  "tích cực": "positive", "tiêu cực": "negative", "trung lập": "neutral",
  positive: "positive", negative: "negative", neutral: "neutral",
};
const first = (source, ...names) => names.map((name) => source[name]).find((value) => value != null);
const number = (value) => (Number.isFinite(Number(value)) && Math.abs(Number(value)) < 3.4e38 ? Number(value) : 0);

function instant(value) {
  const date = new Date(typeof value === "number" && value < 1e11 ? value * 1000 : value);
  return isNaN(date) ? null : date.toISOString();
}

module.exports = function (doc) {
  const source = doc._source;
  const label = String(first(source, "sentiment", "sentiment_label") ?? "").normalize("NFC").trim().toLowerCase();
  const topics = first(source, "topics", "tags") ?? [];
  const entity = String(first(source, "entity", "program", "program_id") ?? "");
  const text = first(source, "text", "content", "comment_text");
  doc._source = {
    comment_id: doc._id,
    program_id: entity.includes("/") ? entity : "the_voice/" + entity,
    text: text == null ? "" : String(text),
    timestamp: instant(first(source, "timestamp", "created_at", "ts")),
    sentiment: LABELS[label] ?? "neutral",
    sentiment_score: number(first(source, "sentiment_score", "score")),
    engagement_score: number(first(source, "engagement_score", "engagement") ?? 0),
    topics: Array.isArray(topics) ? topics : topics.split(",").map((topic) => topic.trim()).filter(Boolean),
    username: String(first(source, "username", "user", "author") ?? ""),
  };
};
