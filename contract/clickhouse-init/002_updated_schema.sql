-- The tables after the migration. Written by `python -m tvmigrate.contract.render` from tvmigrate/contract; edit that, not this file.

CREATE DATABASE IF NOT EXISTS `tv_analytics`;

CREATE TABLE `tv_analytics`.`eaos_metrics`
(
    program_id     LowCardinality(String),
    timestamp      DateTime64(3, 'UTC'),
    score          Float64,
    positive_count UInt64,
    negative_count UInt64,
    neutral_count  UInt64,
    total_comments UInt64
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(timestamp)
ORDER BY (program_id, timestamp);

CREATE TABLE `tv_analytics`.`comment_aggregates`
(
    program_id    LowCardinality(String),
    timestamp     DateTime('UTC'),
    topic         LowCardinality(String),
    count         UInt64,
    avg_sentiment Float64
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(timestamp)
ORDER BY (program_id, topic, timestamp);

CREATE TABLE `tv_analytics`.`anomalies`
(
    program_id LowCardinality(String),
    timestamp  DateTime64(3, 'UTC'),
    metric     LowCardinality(String),
    value      Float64,
    expected   Float64,
    deviation  Float64,
    severity   LowCardinality(String)
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(timestamp)
ORDER BY (program_id, metric, timestamp);

CREATE TABLE `tv_analytics`.`raw_comments`
(
    comment_id       String,
    program_id       LowCardinality(String),
    text             String,
    username         String,
    timestamp        DateTime64(3, 'UTC'),
    sentiment        Enum8('negative' = -1, 'neutral' = 0, 'positive' = 1),
    sentiment_score  Float64,
    engagement_score Float64,
    topics           Array(LowCardinality(String)),
    eaos_score       Nullable(Float64)
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(timestamp)
ORDER BY (program_id, timestamp, comment_id);
