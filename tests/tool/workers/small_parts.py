"""The tool's commands with partitions so small that a fixture has many: `python -m tests.tool.workers.small_parts`."""

from tvmigrate import cli
from tvmigrate.migrate import redis_parts

if __name__ == "__main__":
    redis_parts._PART_BYTES = 4096
    cli.main()
