"""Where in a text do the words of an answer or of a name stand?"""


def without_blanks(text: str, start: int, end: int) -> tuple[int, int]:
    """A stretch of a text, less the blanks at its edges: pieces of SentencePiece hold the one before their word."""
    part = text[start:end].lstrip()
    start = end - len(part)
    return start, start + len(part.rstrip())
