"""Output of the commands on a terminal."""


def printable(text: str) -> str:
    """Escape unprintable characters, so that a text cannot control the terminal."""
    return "".join(
        character if character.isprintable() else ascii(character)[1:-1] for character in text
    )
