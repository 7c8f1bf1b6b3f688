"""The progress of a run, under the name that what reports it imports."""

from tvmigrate.progress import Watch, amount, ending, lines, watch

__all__ = ["Watch", "amount", "ending", "lines", "watch"]
