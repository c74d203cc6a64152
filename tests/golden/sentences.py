"""Write the sentences of notifications: `python -m tests.golden.sentences > .../sentences.txt`."""

import sys

from spendgate_service.notifications.sentences import sentence_of
from tests.unit.notifications.examples import EXAMPLES


def sentences() -> str:
    """Return a line for each event: its type, the sentence, and the place in the console."""
    lines = []
    for event in EXAMPLES:
        sentence = sentence_of(event)
        lines.append(f"{event['type']}: {sentence.text} [{sentence.place}]")
    return "".join(f"{line}\n" for line in lines)


if __name__ == "__main__":
    sys.stdout.write(sentences())
