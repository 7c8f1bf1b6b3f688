-- The tables before the migration. Written by `python -m tvmigrate.contract.render` from tvmigrate/contract; edit that, not this file.

CREATE DATABASE IF NOT EXISTS `tv_analytics`;

CREATE TABLE `tv_analytics`.`comments`
(
    comment_id      String,
    entity          String,
    text            String,
    username        String,
    created_at      DateTime,
    sentiment       String,
    sentiment_score Float32,
    engagement      Float32,
    topics          String,
    eaos_score      Nullable(Float32)
)
ENGINE = MergeTree
ORDER BY (entity, created_at);

CREATE TABLE `tv_analytics`.`eaos_metrics`
(
    entity              String,
    eaos_score          Float32,
    sentiment_breakdown String,
    comment_count       UInt32,
    recorded_at         DateTime
)
ENGINE = MergeTree
ORDER BY (entity, recorded_at);
