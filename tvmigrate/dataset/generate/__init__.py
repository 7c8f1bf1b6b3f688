"""Old-schema data of any size: skewed, in every dialect of the contract, a share of it bad, the same for one seed."""

from tvmigrate.dataset.generate.engines import generate_into_engines
from tvmigrate.dataset.generate.files import generate_files
from tvmigrate.dataset.generate.size import Recipe, Size

__all__ = ["Recipe", "Size", "generate_files", "generate_into_engines"]
