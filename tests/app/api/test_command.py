"""`python -m src.api` refuses limits that are none; that it serves is shown by `test_stores_away`."""

from __future__ import annotations

import pytest

from src.api.__main__ import main


@pytest.mark.parametrize("option", ["--clickhouse-threads=0", "--store-seconds=-1", "--store-seconds=nan"])
def test_a_limit_that_is_none_is_a_usage_error(option, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["src.api", option])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    name, value = option[2:].replace("-", "_", 1).split("=")
    assert f"{name} is {float(value):g}" in capsys.readouterr().err.replace(".0:", ":")
