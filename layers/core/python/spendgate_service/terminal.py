"""What the commands say on a terminal."""


def printable(text: str) -> str:
    """A text of somebody else's, which must not steer the terminal of whoever reads it."""
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)
