"""An old system as files: read them, write them, fill engines from them (contract §6)."""

from tvmigrate.dataset.errors import DatasetError, LoadError
from tvmigrate.dataset.load import LoadReport, load
from tvmigrate.dataset.model import IndexFiles, RedisKey, StoredDocument, TableFiles
from tvmigrate.dataset.read import Dataset
from tvmigrate.dataset.write import DocumentsWriter, Part, RedisWriter, RowsWriter

__all__ = [
    "Dataset",
    "DatasetError",
    "DocumentsWriter",
    "IndexFiles",
    "LoadError",
    "LoadReport",
    "Part",
    "RedisKey",
    "RedisWriter",
    "RowsWriter",
    "StoredDocument",
    "TableFiles",
    "load",
]
