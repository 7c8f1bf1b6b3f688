"""What the workers of these tests do: functions that another process can import."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import NoReturn

from tvmigrate.errors import ExitCode, TvmigrateError
from tvmigrate.workers import Workers


class Odd(Exception):  # noqa: N818
    """An error that its own arguments cannot make again, as many drivers have them."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"{code}: {text}")


class OddSentence(TvmigrateError):  # noqa: N818
    """A sentence of ours that cannot be made again."""

    exit_code = ExitCode.USAGE

    def __init__(self, what: str, where: str) -> None:
        super().__init__(f"{what} is wrong in {where}.")


def doubled(number: int) -> int:
    return 2 * number


def process(part: object) -> int:
    return os.getpid()


def slow_process(part: object) -> int:
    time.sleep(0.12)
    return os.getpid()


def imported_with_the_client(part: object) -> list[str]:
    import elasticsearch  # noqa: F401, PLC0415 - what a part of Elasticsearch does first

    return sorted({"aiohttp", "httpx", "numpy", "pyarrow", "requests"} & set(sys.modules))


def slower_the_earlier(number: int) -> int:
    time.sleep(0.05 * (3 - number % 4))
    return number


def refused(number: int) -> int:
    if number == 3:
        raise ValueError("three is not wanted")
    return number


def odd(number: int) -> NoReturn:
    raise Odd(429, "too many")


def odd_sentence(number: int) -> NoReturn:
    raise OddSentence("a number", "a part")


def asked_to_stop(number: int) -> int:
    for asking in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.kill(os.getpid(), asking)
    return number


def killed(number: int) -> int:
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def marked_then_asleep(folder: Path) -> None:
    """Leave a file named after this process, and take longer than any test does."""
    (folder / str(os.getpid())).touch()
    time.sleep(600)


def killed_once(part: tuple[Path, int]) -> int:
    """End this process for the part 3, the first time."""
    folder, number = part
    if number == 3:
        try:
            (folder / "killed").touch(exist_ok=False)
        except FileExistsError:
            return number
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def slept_then_marked(part: tuple[Path, int]) -> int:
    """Fail for the part 0 once the others have begun; leave a file for each that was ended."""
    folder, number = part
    if number == 0:
        while not (folder / "begun").exists():
            time.sleep(0.02)
        raise ValueError("the first is not wanted")
    (folder / "begun").touch()
    time.sleep(1)
    (folder / f"ended{number}").touch()
    return number


def main() -> None:
    """Be a parent whose two workers never end: `python -m tests.tool.workers.parts FOLDER`."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell that runs tests in the background has it ignored
    with Workers(2) as workers:
        list(workers.each(marked_then_asleep, [Path(sys.argv[1])] * 2))


if __name__ == "__main__":
    main()
