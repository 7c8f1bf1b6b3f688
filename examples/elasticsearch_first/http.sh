# The two HTTP stores by curl, and where to keep things. Sourced; any answer but success ends the script, by set -e.

ASIDE=${TVMIGRATE_STATE:-.}/aside
export ASIDE

# elastic METHOD PATH [BODY] : BODY may be @FILE.
elastic() {
    curl -sS --fail-with-body -X "$1" -H 'Content-Type: application/json' ${3:+--data-binary "$3"} "$ELASTICSEARCH_URL/$2" && echo
}

settings='max_partitions_per_insert_block=0&output_format_json_quote_denormals=1&precise_float_parsing=1'

# sql STATEMENT
sql() {
    curl -sS --fail-with-body --data-binary "$1" "$CLICKHOUSE_URL/?$settings"
}

# insert TABLE : JSON lines from stdin.
insert() {
    curl -sS --fail-with-body --data-binary @- "$CLICKHOUSE_URL/?$settings&query=INSERT%20INTO%20$1%20FORMAT%20JSONEachRow"
}
