"""What only speaks of a hazard is none: comments, messages, prose, other people's methods of the same name."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.tool.lint.samples import judged
from tvmigrate.lint.statement import word_set

DANGEROUS = (
    "FLUSHALL",
    "FLUSHDB",
    "KEYS eaos:*",
    "DEL trend:5m",
    "RENAME trend:5m trends:top:5min",
    "DROP TABLE comments",
    "TRUNCATE TABLE comments",
    "INSERT INTO raw_comments SELECT * FROM comments",
    "CREATE TABLE comments_backup AS comments",
    "OPTIMIZE TABLE comments FINAL",
    "SOURCE schema.sql",
    "DELETE /tv_comments",
    "POST /tv_comments/_clone/kept",
    "redis-cli FLUSHALL",
    "curl -X DELETE localhost:9200/tv_comments",
    "sleep 10",
    "docker compose down -v",
)
SHELL = (
    "# {}\n",
    "echo '{}'\n",
    'echo "we do not run {}" >&2\n',
    "printf '%s\\n' '{}' > notes.txt\n",
    "grep -q '{}' notes.txt\n",
    "NOTE='{}'\n",
    'git commit -m "no more {}"\n',
    "cat > notes.txt <<'EOF'\n{}\nEOF\n",
    "[ \"$answer\" = '{}' ]\n",
    "case $answer in '{}') exit 1 ;; esac\n",
)
SQL = ("-- {}\nSELECT 1;\n", "/* {} */ SELECT 1;\n", "SELECT '{}';\n", "SELECT 1 AS `{}`;\n")
PYTHON = (
    "# {}\n",
    '"""{}"""\n',
    'NOTE = "{}"\n',
    'print("{}")\n',
    'log.warning("never run {}")\n',
    'raise SystemExit("{}")\n',
    'assert "{}" not in text\n',
)
MARKDOWN = (
    "Never run `{}` in production.\n",
    "> `{}` takes unrelated keys.\n",
    "- `{}`: what the old guide said\n",
    "| `{}` | why not |\n|---|---|\n",
    "```text\n{}\n```\n",
    "```diff\n- {}\n```\n",
    "<!-- {} -->\n",
    "# {}\n",
)
TEMPLATES = [
    *((("script.sh", "set -euo pipefail\n{}"), one) for one in SHELL),
    *((("script.sql", "{}"), one) for one in SQL),
    *((("script.py", "{}"), one) for one in PYTHON),
    *((("page.md", "# Page\n\n{}"), one) for one in MARKDOWN),
]


def told(name: str, text: str) -> list[str]:
    return [finding.code for finding in judged({name: text}).findings]


@pytest.mark.parametrize(("around", "template"), TEMPLATES, ids=[f"{a[0]}-{t[:18]!r}" for a, t in TEMPLATES])
def test_talk_about_a_hazard_is_none(around, template):
    name, whole = around
    for words in DANGEROUS:
        assert told(name, whole.replace("{}", template.replace("{}", words))) == [], words


@given(
    st.lists(
        st.tuples(st.sampled_from(SHELL), st.sampled_from(DANGEROUS)).map(lambda pair: pair[0].replace("{}", pair[1])),
        min_size=1,
        max_size=8,
    )
)
def test_any_script_of_harmless_lines_gives_nothing(lines):
    assert told("migrate.sh", "set -euo pipefail\n" + "".join(lines)) == []


PIECES = sorted(
    {
        *DANGEROUS,
        *word_set(
            "redis-cli clickhouse-client curl docker exec -it xargs sudo sh -c -q --query= -d @- -X PUT | || && ; $( )"
        ),
        *word_set(
            "` ' \" { } [ ] ( , . $1 $@ shift $X ${X} <<EOF EOF < > f() for in do done if then fi case esac set -e"
        ),
        *word_set('r.keys( es.reindex( house.command(f" subprocess.run([ .pipeline() except: pass def lambda * = :'),
        *word_set("CREATE TABLE ( ENGINE = ALTER UPDATE MODIFY COLUMN Enum8( RENAME TO EXCHANGE TABLES AND SELECT"),
        *word_set('```bash ```sql ```python ``` # Rollback Solution: _clone _settings ?a=b { "dynamic": true }'),
        *("\n", "\n\n", "  ", "\t", "é", "\ud7ff", "\\", "# tvmigrate: ignore TVM101 x"),
    }
)  # sorted: the same choices in every run


@given(
    st.one_of(st.text(max_size=100), st.lists(st.sampled_from(PIECES), max_size=25).map(" ".join)),
    st.sampled_from(["a.sh", "a.sql", "a.redis", "a.http", "a.py", "a.md", "a.json"]),
)
@example("", "a.http")
@example("", "a.md")
@example("``` Solution: ` ` ``` if", "a.md")
def test_no_text_makes_the_linter_fail(text, name):
    """Assert that whatever a file holds is judged, or told as not readable: never an exception."""
    judged({name: text})


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "a.py",
            "options.keys()\nsettings.get('a')\nos.rename('a', 'b')\nframe.rename(columns={})\nqueue.delete('x')\n",
        ),
        ("a.py", "path.command('DROP')\nparser.execute()\ncursor.execute(statement)\n"),
        ("a.py", "try:\n    import orjson\nexcept Exception:\n    pass\n"),
        ("a.sh", "set -e\nset_up() { echo keys; }\nset_up\nkeys=1\nsource=2\n"),
        ("a.sh", "set -e\nrm -rf build\nsystemctl status redis\nmkdir -p backup || true\n"),
        ("a.sh", "set -e\ncurl -s https://example.org/install | tar x\n"),
        ("a.sh", "set -e\nuntil redis-cli PING; do sleep 1; done\n"),
        ("a.sql", "SELECT count() FROM system.tables WHERE name = 'comments';\nSHOW TABLES;\nEXISTS TABLE comments;\n"),
        ("a.sql", "SELECT lower(name), toDateTime(now()) FROM system.columns LIMIT 5;\n"),
        ("a.sql", "SELECT 2 * count() FROM comments;\nSELECT * FROM comments FORMAT Null;\n"),
        ("a.md", '# Keys\n\n```yaml\nkeys: FLUSHALL\n```\n\n```json\n{"dynamic": true}\n```\n'),
        ("a.redis", "# FLUSHALL\nGET eaos:contestant_1\nTTL eaos:contestant_1\nSCAN 0 MATCH eaos:* COUNT 100\n"),
        ("a.http", 'GET /tv_comments/_search\n{"size": 5}\n\nGET /_cat/indices\n'),
    ],
)
def test_what_looks_alike_is_no_hazard(name, text):
    assert told(name, text) == []
