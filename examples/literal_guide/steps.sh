# How a reader follows the guide: each line is sent as it stands, and when one fails the reader goes on with the next.
# Sourced by migrate.sh and rollback.sh, which say in $here where they are.

PATH="$here/bin:$PATH"   # clients that send the guide's lines to the engines of REDIS_URL and CLICKHOUSE_URL
# What the guide writes into the directory it is followed in goes where tvmigrate tells a migration to keep its things.
mkdir -p "${TVMIGRATE_STATE:=.}" && cd "$TVMIGRATE_STATE" || exit
# The guide's curl, that also says by its exit code that it was refused; the request is the same.
curl='curl -sS --fail-with-body'
failures=$(mktemp)
answer=$(mktemp)

# guide COMMAND… : a line of the guide, with our stdin.
guide() {
    echo "\$ $*"
    told "$*" "$@"
}

# typed LINE COMMAND… : a line of the guide that is typed into a client which runs.
typed() {
    line=$1
    shift
    echo "\$ $* <<< $line"
    echo "$line" | told "$line" "$@"
}

told() {
    line=$1
    shift
    "$@" >"$answer" 2>&1
    code=$?
    cat "$answer"
    [ -z "$(tail -c 1 "$answer")" ] || echo
    if [ "$code" -ne 0 ]; then
        { echo "$line" && cut -c 1-250 "$answer" | sed 's/^/    /'; } >>"$failures"
        echo "FAILED: $line" >&2
    fi
}

# left_out LINE REASON : a line of the guide that is not followed.
left_out() {
    echo "left out: $1 ($2)"
}

# at_the_end : 1 if a line failed, though the guide's reader has come to its end all the same; 0 if none did.
at_the_end() {
    if [ -s "$failures" ]; then
        echo 'Lines of the guide that failed:' >&2
        cat "$failures" >&2
        failed=1
    fi
    rm "$failures" "$answer"
    return "${failed:-0}"
}
