"""Python imports this as it starts: where `MUTANT` names one, the product has that mutant in it."""

import json
import os
import sys
from importlib.machinery import SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path

if "MUTANT" in os.environ:
    _MODULE, _PATH, _START, _LENGTH, _AFTER = json.loads(os.environ["MUTANT"])

    class _Instead(SourceFileLoader):
        def find_spec(self, name, path=None, target=None):
            return spec_from_file_location(name, _PATH, loader=self) if name == _MODULE else None

        def get_code(self, fullname):
            raw = Path(_PATH).read_bytes()
            mutated = raw[:_START] + _AFTER.encode() + raw[_START + _LENGTH :]
            return compile(mutated, _PATH, "exec", dont_inherit=True)

    sys.meta_path.insert(0, _Instead(_MODULE, _PATH))
