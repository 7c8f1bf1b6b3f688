"""What SQL is not exact or not clear enough for, as filters over lines: names, counts, means."""

import base64
import json
import math
import sys

import rules


def names():
    for entity, program in rules.ENTITY_MAP.items():
        print(json.dumps({"name": entity, "program_id": program}))


def counts():
    """Each distinct breakdown, in Base64, to its three counts; one that cannot be read has no line."""
    for line in sys.stdin:
        totals = dict.fromkeys(("positive", "negative", "neutral"), 0)
        try:
            for label, value in rules.read_json(base64.b64decode(line)).items():
                totals[rules.sentiment(label)] += 0 if value is None else rules.count(value)
            totals = {label: rules.count(total) for label, total in totals.items()}
        except (rules.Bad, AttributeError):
            continue
        print(json.dumps({"breakdown": line.strip(), **totals}))


def means():
    """The mean of scores that may cancel out: a sum in floats would be off."""
    for line in sys.stdin:
        row = json.loads(line)
        scores = row.pop("scores")
        print(json.dumps(row | {"avg_sentiment": math.fsum(scores) / len(scores)}))


{"names": names, "counts": counts, "means": means}[sys.argv[1]]()
