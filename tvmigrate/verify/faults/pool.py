"""Faults shared out among processes, each with stores of its own."""

from __future__ import annotations

import multiprocessing
import pickle
import queue
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from multiprocessing.context import SpawnProcess
from multiprocessing.queues import Queue

from tvmigrate.errors import TvmigrateError
from tvmigrate.events import Event, Listener, ignore
from tvmigrate.verify.errors import VerificationError
from tvmigrate.verify.faults.judge import Outcome
from tvmigrate.verify.faults.model import Fault
from tvmigrate.verify.faults.run import judge_faults
from tvmigrate.verify.job import Job

_LOOK_SECONDS = 1.0  # between two looks whether a process that says nothing still runs
Message = Outcome | Event | TvmigrateError | None


class WorkerLost(VerificationError):  # noqa: N818 - it says what happened, as in `errors`
    """A process that judged faults ended without a word."""


def judge_side_by_side(
    job: Job, faults: Sequence[Fault], processes: int, listener: Listener = ignore
) -> Iterator[Outcome]:
    """Yield what came of each fault as it is known, from up to `processes` processes; see `judge_faults`.

    Every process migrates once before its first fault, so more of them pay off only with many faults.

    Raises:
        TvmigrateError: as `judge_faults`, of whichever process met it first; the others are stopped.
        WorkerLost: a process was killed.
    """
    shares = [share for n in range(processes) if (share := list(faults[n::processes]))]
    if len(shares) < 2:
        yield from judge_faults(job, faults, listener)
        return
    context = multiprocessing.get_context("spawn")
    messages: Queue[Message] = context.Queue()
    with ExitStack() as started:
        workers = [_start(context.Process(target=_work, args=(job, _ids(s), messages)), started) for s in shares]
        at_work = len(workers)
        while at_work:
            try:
                message = messages.get(timeout=_LOOK_SECONDS)
            except queue.Empty:
                _require_alive(workers, messages)
                continue
            if message is None:
                at_work -= 1
            elif isinstance(message, Outcome):
                yield message
            elif isinstance(message, Event):
                listener(message)
            else:
                raise message


def _start(process: SpawnProcess, started: ExitStack) -> SpawnProcess:
    process.start()
    # Engines end with the process that started them, whether it comes to its end or not.
    started.callback(process.join)
    started.callback(process.terminate)
    return process


def _require_alive(workers: Sequence[SpawnProcess], messages: Queue[Message]) -> None:
    for worker in workers:
        if worker.exitcode and messages.empty():
            raise WorkerLost(
                f"A process that judged faults ended with exit code {worker.exitcode} and without a word, so what it "
                "had left was not judged. Look whether the machine ran out of memory; --jobs 1 needs the least."
            )


def _ids(faults: Sequence[Fault]) -> list[str]:
    return [fault.id for fault in faults]


def _work(job: Job, ids: Sequence[str], messages: Queue[Message]) -> None:
    from tvmigrate.verify.faults.all import CATALOGUE  # noqa: PLC0415 - it imports this package

    try:
        for outcome in judge_faults(job, [CATALOGUE.faults[name] for name in ids], messages.put):
            messages.put(outcome)
    except TvmigrateError as problem:
        messages.put(_portable(problem))
    finally:
        messages.put(None)


def _portable(problem: TvmigrateError) -> TvmigrateError:
    """Return an error that can be sent to another process: itself, or its sentence where it cannot."""
    try:
        pickle.loads(pickle.dumps(problem))  # noqa: S301 - what was written the moment before
    except (TypeError, pickle.PicklingError, AttributeError):
        return VerificationError(str(problem))
    return problem
