"""One reader who types the guide's blocks one after another: one shell for all of them, in a folder like a clone."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.app.guide.page import ROOT, Block

# What is typed at a block's own prompt, by a word of the block.
TYPED = {"--mode interactive": "help top_trends\ntrends 15min\nquit\n"}
OLD_IMPORT = "from src.storage.redis_client import redis_client\n"


@dataclass(frozen=True)
class Told:
    """What became of a block: its exit code (None: the shell has ended), what it printed and what it complained."""

    code: int | None
    out: str
    err: str


class Reader:
    """A bash that stops at the first failure, for `with`; `folder` gets links to the clone's own files."""

    def __init__(self, folder: Path, environ: dict[str, str]) -> None:
        self.folder = folder
        self._work = folder / ".reader"  # a name that no block speaks of
        self._work.mkdir()
        for entry in ROOT.iterdir():
            if not entry.name.startswith(".") and entry.name not in {"report", "practice"}:
                (folder / entry.name).symlink_to(entry)
        self._environ = {
            **environ,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{environ['PATH']}",
            **{f"GIT_{who}_{what}": "reader" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
            "GIT_CONFIG_GLOBAL": os.devnull,
        }
        self._begin_repository()

    def _begin_repository(self) -> None:
        """Have an application under git that has the old imports, as the reader's own has."""
        (self.folder / "dashboard.py").write_text(OLD_IMPORT, "utf-8")
        for command in (["init", "-q"], ["add", "dashboard.py"], ["commit", "-q", "-m", "Old clients"]):
            subprocess.run(["git", *command], cwd=self.folder, env=self._environ, check=True, capture_output=True)

    def __enter__(self) -> Self:
        self._bash = subprocess.Popen(
            ["bash", "--noprofile", "--norc", "-s"],
            cwd=self.folder,
            env=self._environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the shell and whatever it left running; engines that still run are stopped by their own command."""
        if self._bash.stdin and self._bash.stdout:
            self._bash.stdin.close()
            self._bash.stdout.close()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._bash.pid, signal.SIGKILL)
        self._bash.wait()
        if (self.folder / "practice").exists():
            command = ["tvmigrate", "engines", "down", "--dir", "practice"]
            subprocess.run(command, cwd=self.folder, env=self._environ, check=False, capture_output=True)

    def types(self, block: Block) -> Told:
        """Type a block: a shell's into the shell, Python into a file that is run."""
        if block.language == "python":
            return self._python(block)
        return self._bash_block(block, block.text)

    def _python(self, block: Block) -> Told:
        if "_client_v2 import" in block.text and "# Old" in block.text:
            (self.folder / "dashboard.py").write_text(block.text, "utf-8")  # the reader's own imports are changed
        (self._work / "snippet.py").write_text(block.text, "utf-8")
        return self._bash_block(block, "python -W error .reader/snippet.py\n")

    def _bash_block(self, block: Block, text: str) -> Told:
        script, typed, out, err = (self._work / f"{block.number}.{end}" for end in ("sh", "in", "out", "err"))
        script.write_text(text, "utf-8")
        typed.write_text("".join(keys for word, keys in TYPED.items() if word in text), "utf-8")
        paths = {name: shlex.quote(str(path)) for name, path in
                 {"script": script, "typed": typed, "out": out, "err": err}.items()}  # fmt: skip
        # A shell of a person goes on after a failure; here the block has failed with its first command that does.
        line = "set -eu -o pipefail; source {script} <{typed} >{out} 2>{err}; set +eu; echo done\n".format(**paths)
        if self._bash.stdin is None or self._bash.stdout is None:
            raise AssertionError("both were asked for as pipes")
        try:
            self._bash.stdin.write(line)
            self._bash.stdin.flush()
            done = self._bash.stdout.readline()
        except BrokenPipeError:
            done = ""
        code = 0 if done else self._bash.wait()
        return Told(code, _text(out), _text(err))


def _text(path: Path) -> str:
    return path.read_text("utf-8", errors="replace") if path.exists() else ""
