#!/bin/sh
# The way back from migrate.sh, in the opposite order.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/http.sh"
[ -d "$ASIDE" ] || { echo 'Nothing to roll back.'; exit 0; }

"${PYTHON:-python3}" "$here/keys.py" back

for table in eaos_metrics comment_aggregates anomalies raw_comments; do sql "DROP TABLE tv_analytics.$table SYNC"; done
for table in comments eaos_metrics; do sql "RENAME TABLE tv_aside.$table TO tv_analytics.$table"; done
sql 'DROP DATABASE tv_aside SYNC'

replicas=$(elastic GET tv_comments_before/_settings/index.number_of_replicas | sed 's/.*"number_of_replicas":"\([0-9]*\)".*/\1/')
elastic DELETE tv_comments_v2
elastic POST tv_comments_before/_clone/tv_comments "{\"settings\": {\"number_of_replicas\": $replicas}}"
elastic PUT tv_comments/_settings '{"index.blocks.write": null}'
elastic DELETE tv_comments_before
rm -r "$ASIDE"
