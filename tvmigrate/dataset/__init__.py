"""An old system as files: read them, write them (contract §6); `load`, which needs all drivers, fills engines."""

from tvmigrate.dataset.errors import DatasetError, LoadError
from tvmigrate.dataset.model import IndexFiles, RedisKey, StoredDocument, TableFiles
from tvmigrate.dataset.read import Dataset
from tvmigrate.dataset.write import DocumentsWriter, Part, RedisWriter, RowsWriter

__all__ = [
    "Dataset",
    "DatasetError",
    "DocumentsWriter",
    "IndexFiles",
    "LoadError",
    "Part",
    "RedisKey",
    "RedisWriter",
    "RowsWriter",
    "StoredDocument",
    "TableFiles",
]
