"""An uploaded file: a form whose parts are read as they come."""

from __future__ import annotations

from collections.abc import AsyncIterable
from http import HTTPStatus

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from app.gateway.files.file_store import FileWriter
from app.gateway.problems import Refusal

_MOST_FIELDS, _LONGEST_FIELD = 16, 4096


class Upload:
    """Reads a form with the field `file`, which goes to `writer`; the other fields are in `fields`."""

    def __init__(self, content_type: str, writer: FileWriter, max_bytes: int) -> None:
        """Raise a Refusal if the content type does not say where parts end."""
        _, options = parse_options_header(content_type)
        if not (boundary := options.get(b"boundary")):
            raise _invalid("the Content-Type has no boundary; let your HTTP library make the form")
        self.fields: dict[str, bytearray] = {}
        self.filename: str | None = None
        self._writer = writer
        self._max_bytes = max_bytes
        self._taken: list[bytes] = []
        self._name = b""
        self._header, self._value = bytearray(), bytearray()
        self._ended = False
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._begin,
                    "on_header_field": lambda data, start, end: self._header.extend(data[start:end]),
                    "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
                    "on_header_end": self._end_header,
                    "on_part_data": self._take,
                    "on_end": self._end,
                },
            )
        except FormParserError as error:
            raise _invalid(f"the form is not valid: {error}") from None

    async def read(self, pieces: AsyncIterable[bytes]) -> None:
        """Read the whole form, and write the file as it comes.

        Raises:
            Refusal: it is no such form, or the file is too large.
            BrokerError: the broker does not acknowledge a piece.
        """
        async for piece in pieces:
            try:
                self._parser.write(piece)
            except FormParserError as error:
                raise _invalid(f"the form is not valid: {error}") from None
            taken, self._taken = self._taken, []
            for data in taken:
                if self._writer.size + len(data) > self._max_bytes:
                    text = f"the file is larger than gateway.max_file_bytes allows ({self._max_bytes}); split it"
                    headers = {"Connection": "close"}
                    raise Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large", text, headers=headers)
                await self._writer.add(data)
        if not self._ended or self.filename is None:
            raise _invalid("file: must be a part of the form, with a filename, and the form must be whole")

    def field(self, name: str) -> str:
        """Return the text of a field; empty if there is none."""
        return self.fields.get(name, bytearray()).decode(errors="replace")

    def _begin(self) -> None:
        self._name = b""

    def _end_header(self) -> None:
        if self._header.lower() == b"content-disposition":
            _, options = parse_options_header(bytes(self._value))
            self._name = options.get(b"name", b"")
            if self._name == b"file" and b"filename" in options:
                if self.filename is not None:
                    raise _invalid("file: must be one file")
                self.filename = options[b"filename"].decode(errors="replace")[:255]
        self._header.clear()
        self._value.clear()

    def _take(self, data: bytes, start: int, end: int) -> None:
        if self._name == b"file":
            self._taken.append(data[start:end])
            return
        field = self.fields.setdefault(self._name.decode(errors="replace")[:100], bytearray())
        field.extend(data[start:end])
        if len(self.fields) > _MOST_FIELDS or len(field) > _LONGEST_FIELD:
            raise _invalid("the form has too many fields, or one that is too long")

    def _end(self) -> None:
        self._ended = True


def _invalid(text: str) -> Refusal:
    return Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_request", text, headers={"Connection": "close"})
