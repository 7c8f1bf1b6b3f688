"""Python imports this as it starts: a worker of a command that has the trap set counts its writes too."""

import os
import sys

if "TVMIGRATE_TEST_TRAP" in os.environ and "--multiprocessing-fork" in sys.orig_argv:
    from tests.crash import child

    child.set_trap(worker=True)
