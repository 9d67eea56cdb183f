"""The images that go with a prompt."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import JsonValue, ValidationError

from app.errors import ExpressionError
from app.workflows.kinds.base import StepContext
from topics.model_requests import Image

#: Images in one prompt. Providers take fewer or more; each costs hundreds of tokens.
MAX_IMAGES = 16


def images(ctx: StepContext, context: Mapping[str, Any]) -> tuple[Image, ...]:
    """Return the images of an `ask` step; a null is left out, and a list is flattened.

    Raises:
        ExpressionError: there are too many, or one is not the URL of an image.
    """
    written = ctx.compiled.values.get("images")
    if written is None:
        return ()
    given = list(_flat(written.evaluate(context)))
    if len(given) > MAX_IMAGES:
        raise ExpressionError(f"step {ctx.name}: {len(given)} images are too many; a prompt may have {MAX_IMAGES}")
    return tuple(_image(ctx, place, url) for place, url in enumerate(given))


def is_image(url: object) -> bool:
    """Whether this is the URL of an image; a data URL is the image itself."""
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
    if not isinstance(url, str) or not is_image(url):  # not quoted: it may be a whole image
        wanted = "the URL of an image (https://…) or the image itself (data:image/png;base64,…)"
        raise ExpressionError(f"step {ctx.name}: images.{place} is not {wanted}")
    return Image(url=url)
