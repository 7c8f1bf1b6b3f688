"""How a script ends: its exit codes, which are the tool's (docs/operations.md), and how an error becomes one."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from enum import IntEnum
from functools import wraps
from typing import ParamSpec

import click

from src.errors import AppError, InvalidValue
from src.setup.stores import FAILURES

P = ParamSpec("P")


class Exit(IntEnum):
    """What a script's exit code says."""

    DONE = 0
    IN_THE_WAY = 1  # something stands in the way, and is named
    USAGE = 2
    COULD_NOT = 3  # a store is away, or refused what it was asked


class InTheWay(AppError):
    """What the stores hold does not allow what was asked for."""


def ending(command: Callable[P, None]) -> Callable[P, None]:
    """Turn a command's errors into a message on stderr and an exit code."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        # The drivers log each attempt that fails; what it came to is in the message.
        before, logging.lastResort = logging.lastResort, None
        try:
            command(*args, **kwargs)
        except InTheWay as why:
            _end(why, Exit.IN_THE_WAY)
        except InvalidValue as why:
            _end(why, Exit.USAGE)
        except (AppError, *FAILURES) as why:
            _end(why, Exit.COULD_NOT)
        finally:
            logging.lastResort = before

    return run


def _end(why: Exception, code: Exit) -> None:
    click.echo(" ".join(str(why).split()) if not isinstance(why, AppError) else str(why), err=True)
    sys.exit(code)
