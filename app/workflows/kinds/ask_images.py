"""The pictures that go with a prompt."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import JsonValue, ValidationError

from app.errors import ExpressionError
from app.workflows.kinds.base import StepContext
from topics.model_requests import Image

#: Providers take fewer or more of them; each costs hundreds of tokens.
MOST = 16


def images(ctx: StepContext, context: Mapping[str, Any]) -> tuple[Image, ...]:
    """Return the pictures of an `ask` step; a value that is null is left out, and one that is a list is taken apart.

    Raises:
        ExpressionError: there are too many, or one is no address of a picture.
    """
    written = ctx.compiled.values.get("images")
    if written is None:
        return ()
    given = list(_flat(written.evaluate(context)))
    if len(given) > MOST:
        raise ExpressionError(f"step {ctx.name}: {len(given)} images are too many; {MOST} may go with a prompt")
    return tuple(_image(ctx, place, url) for place, url in enumerate(given))


def is_image(url: object) -> bool:
    """Whether this is the address of a picture, or the picture itself."""
    try:
        Image.model_validate({"url": url})
    except ValidationError:
        return False
    return True


def _flat(value: JsonValue) -> Iterator[JsonValue]:
    if isinstance(value, list):
        for inner in value:
            yield from _flat(inner)
    elif value is not None:
        yield value


def _image(ctx: StepContext, place: int, url: JsonValue) -> Image:
    if not isinstance(url, str) or not is_image(url):  # not quoted: it may be a whole picture
        wanted = "the address of a picture (https://…) or the picture itself (data:image/png;base64,…)"
        raise ExpressionError(f"step {ctx.name}: images.{place} is not {wanted}")
    return Image(url=url)
