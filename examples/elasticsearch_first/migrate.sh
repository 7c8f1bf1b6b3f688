#!/bin/sh
# Elasticsearch first, then ClickHouse in its own SQL, then Redis by RENAME. Needs an idle system, curl, and $PYTHON with redis.
#
# Refused records, the backup of Redis and what rollback.sh has to know are in $ASIDE and in the database tv_aside, out of
# the application's way.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-python3}
. "$here/http.sh"
mkdir -p "${TVMIGRATE_STATE:-.}"
mkdir "$ASIDE"

# ------------------------------------------------------------------------------------------------------- Elasticsearch
# The old index is copied aside under a write block, the new one is filled by a script, one call swaps the two.
elastic PUT tv_comments/_settings '{"index.blocks.write": true}'
replicas=$(elastic GET tv_comments/_settings/index.number_of_replicas | sed 's/.*"number_of_replicas":"\([0-9]*\)".*/\1/')
elastic POST tv_comments/_clone/tv_comments_before "{\"settings\": {\"number_of_replicas\": $replicas}}"
sed "s/\"mappings\"/\"settings\": {\"number_of_replicas\": $replicas}, &/; s/\"tv_comments\": {}//" \
    "$here/../../scripts/elasticsearch-init/tv_comments_v2.json" >"$ASIDE/index.json"
elastic PUT tv_comments_v2 "@$ASIDE/index.json"
"$python" "$here/documents.py"
elastic POST _aliases '{"actions": [{"remove_index": {"index": "tv_comments"}},
                                    {"add": {"index": "tv_comments_v2", "alias": "tv_comments"}}]}'

# ---------------------------------------------------------------------------------------------------------- ClickHouse
# The new tables are filled in a database of their own; tv_aside keeps the old ones and what was refused.
sql 'CREATE DATABASE tv_aside'
sql 'CREATE TABLE tv_aside.names (name String, program_id String) ENGINE = MergeTree ORDER BY name'
sql 'CREATE TABLE tv_aside.counts (breakdown String, positive UInt64, negative UInt64, neutral UInt64) ENGINE = MergeTree ORDER BY breakdown'
sed '/^--/d; s/tv_analytics/tv_next/g' "$here/../../scripts/clickhouse-init/002_updated_schema.sql" |
    tr '\n;' ' \n' >"$ASIDE/schema"
while read -r statement; do sql "$statement"; done <"$ASIDE/schema"

"$python" "$here/lines.py" names >"$ASIDE/names.ndjson"
insert tv_aside.names <"$ASIDE/names.ndjson"
sql 'SELECT DISTINCT base64Encode(sentiment_breakdown) FROM tv_analytics.eaos_metrics FORMAT TSV' >"$ASIDE/breakdowns"
"$python" "$here/lines.py" counts <"$ASIDE/breakdowns" >"$ASIDE/counts.ndjson"
insert tv_aside.counts <"$ASIDE/counts.ndjson"

blanks='[\\x{9}-\\x{D}\\x{20}\\x{85}\\x{A0}\\x{1680}\\x{2000}-\\x{200A}\\x{2028}\\x{2029}\\x{202F}\\x{205F}\\x{3000}]+'
show=$(printf %s "${TVMIGRATE_SHOW:-}" | sed "s/[\\\\']/\\\\&/g")
# $1 is a text column: without the white space around it.
trimmed() { printf %s "replaceRegexpAll($1, '^$blanks|$blanks\$', '')"; }
program="multiIf(names.program_id != '', names.program_id, '$show' = '' OR position(entity, '/') > 0, entity, concat('$show/', entity))"

sql "CREATE VIEW tv_aside.comments_judged AS
    SELECT old.*, $program AS program,
        transform(lowerUTF8($(trimmed 'normalizeUTF8NFC(toValidUTF8(sentiment))')),
            ['tích cực', 'tiêu cực', 'trung lập', 'positive', 'negative', 'neutral'],
            ['positive', 'negative', 'neutral', 'positive', 'negative', 'neutral'], '') AS label,
        arrayFilter(topic -> topic != '', arrayMap(topic -> $(trimmed topic), splitByChar(',', topics))) AS split,
        isValidUTF8(concat(comment_id, ' ', entity, ' ', text, ' ', username, ' ', sentiment, ' ', topics))
            AND comment_id != '' AND $(trimmed entity) != '' AND label != ''
            AND isFinite(sentiment_score) AND isFinite(engagement) AND isFinite(ifNull(eaos_score, 0)) AS maps
    FROM tv_analytics.comments AS old LEFT JOIN tv_aside.names AS names ON entity = name"
sql "INSERT INTO tv_next.raw_comments (comment_id, program_id, text, username, timestamp, sentiment, sentiment_score,
        engagement_score, topics, eaos_score)
    SELECT comment_id, program, text, username, created_at, label, sentiment_score, engagement, split, eaos_score
    FROM tv_aside.comments_judged WHERE maps"
sql "SELECT program AS program_id, toUnixTimestamp(toStartOfFiveMinutes(toTimeZone(created_at, 'UTC'))) AS timestamp,
        arrayJoin(arrayDistinct(split)) AS topic, count() AS count, groupArray(toFloat64(sentiment_score)) AS scores
    FROM tv_aside.comments_judged WHERE maps GROUP BY ALL FORMAT JSONEachRow" >"$ASIDE/scores.ndjson"
"$python" "$here/lines.py" means <"$ASIDE/scores.ndjson" >"$ASIDE/means.ndjson"
insert tv_next.comment_aggregates <"$ASIDE/means.ndjson"
sql "CREATE TABLE tv_aside.comments_refused ENGINE = MergeTree ORDER BY comment_id
    AS SELECT * FROM tv_aside.comments_judged WHERE NOT maps"

sql "CREATE VIEW tv_aside.metrics_judged AS
    SELECT old.*, $program AS program, counts.positive AS positive, counts.negative AS negative, counts.neutral AS neutral,
        counts.breakdown != '' AND isValidUTF8(entity) AND $(trimmed entity) != '' AND isFinite(eaos_score) AS maps
    FROM tv_analytics.eaos_metrics AS old
    LEFT JOIN tv_aside.names AS names ON entity = name
    LEFT JOIN tv_aside.counts AS counts ON base64Encode(sentiment_breakdown) = counts.breakdown"
sql "INSERT INTO tv_next.eaos_metrics (program_id, timestamp, score, positive_count, negative_count, neutral_count, total_comments)
    SELECT program, recorded_at, eaos_score, positive, negative, neutral, comment_count FROM tv_aside.metrics_judged WHERE maps"
sql "CREATE TABLE tv_aside.metrics_refused ENGINE = MergeTree ORDER BY entity
    AS SELECT * FROM tv_aside.metrics_judged WHERE NOT maps"

for object in comments_judged metrics_judged names counts; do sql "DROP TABLE tv_aside.$object SYNC"; done
for table in comments eaos_metrics; do sql "RENAME TABLE tv_analytics.$table TO tv_aside.$table"; done
for table in eaos_metrics comment_aggregates anomalies raw_comments; do sql "RENAME TABLE tv_next.$table TO tv_analytics.$table"; done
sql 'DROP DATABASE tv_next SYNC'

# --------------------------------------------------------------------------------------------------------------- Redis
"$python" "$here/keys.py" forward
