"""Foreign text in a line for a person: what it may hold, and what is escaped."""


def printable(text: str) -> str:
    r"""`text` as part of one line that does nothing to a terminal or a log but stand there.

    Characters that Unicode does not count as graphic are escaped, as in `\x1b`, `\n` and `\u202e`: controls of both
    sets (C0, C1), line separators, format characters such as those that turn the direction of text, surrogates,
    and what is not assigned. Of the blanks only the space stays.
    """
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)
