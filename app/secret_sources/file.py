"""`${file:/run/secrets/key}`: a file, as Kubernetes and Docker mount secrets."""

from __future__ import annotations

from pathlib import Path

from app.secret_sources.registry import SecretMissing

_MOST_BYTES = 64 * 1024


def read(name: str) -> str:
    """Return the file's text, without the line ends at its end.

    Raises:
        SecretMissing: there is no such file, or it holds no text.
    """
    path = Path(name)
    if not path.is_absolute():
        raise SecretMissing(f"{name} is not a whole path: write ${{file:/run/secrets/name}}")
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
        if len(content) > _MOST_BYTES:
            raise SecretMissing(f"{name} is larger than {_MOST_BYTES // 1024} KiB: it is no secret")
        return content.decode().rstrip("\r\n")
    except OSError as error:
        raise SecretMissing(f"{name} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SecretMissing(f"{name} is not UTF-8") from None
