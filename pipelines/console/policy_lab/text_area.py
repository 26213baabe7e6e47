"""A file's text as a text area has it, and what it takes to write it as it was."""

import codecs
from dataclasses import dataclass


@dataclass(frozen=True)
class Written:
    """Text with LF; ``note`` says what a person has to know of the file that it is from."""

    text: str
    crlf: bool = False
    mark: bool = False  # the file begins with U+FEFF
    note: str | None = None

    def encode(self, text: str) -> bytes:
        """Return another text as this file has its own: in UTF-8, with its ends of lines."""
        text = text.replace("\r\n", "\n")
        ended = text.replace("\n", "\r\n") if self.crlf else text
        return (codecs.BOM_UTF8 if self.mark else b"") + ended.encode()


def written(content: bytes) -> Written:
    """Return the text of a file in whatever encoding an editor is likely to have saved it."""
    note = None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        encoding, name = ("utf-16", "UTF-16") if utf16 else ("cp1252", "Windows-1252")
        text = content.decode(encoding, "replace")
        note = (
            f"The file is not UTF-8, so no job can read it. It is shown as {name} has it: look at "
            "its accents and quotes, and save it, which writes UTF-8."
        )
    crlf = "\r\n" in text and text.count("\r\n") == text.count("\n")
    return Written(text.replace("\r\n", "\n"), crlf, content.startswith(codecs.BOM_UTF8), note)
