from __future__ import annotations

from typing import Any

import pytest

from app.workflows.kinds.ask_images import MAX_IMAGES, is_image
from tests.workflows.kinds.run_helpers import asking, begun, outcome
from topics.model_requests import ModelRequest

PHOTO, INLINE = "https://host.example/a.png", "data:image/png;base64,AAAA"


def _sent(images: Any, **given: Any) -> list[str]:
    life = begun({"say": asking(images=images, system="s")}, task={"input": {"question": "why?", **given}})
    (request,) = life.open
    assert isinstance(request, ModelRequest)
    system, user = request.messages
    assert not system.images
    return [image.url for image in user.images]


@pytest.mark.parametrize(
    ("images", "sent"),
    [
        ([PHOTO, INLINE], [PHOTO, INLINE]),
        (["${{ input.photo }}", "https://host.example/${{ input.question }}"], [PHOTO, "https://host.example/why?"]),
        ("${{ input.photo }}", [PHOTO]),
        ("${{ input.photos }}", [PHOTO, INLINE]),
        ([PHOTO, "${{ input.photos }}", "${{ input.nothing }}"], [PHOTO, PHOTO, INLINE]),
    ],
)
def test_that_images_go_with_the_prompt(images: Any, sent: list[str]) -> None:
    assert _sent(images, photo=PHOTO, photos=[PHOTO, INLINE], nothing=None) == sent


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["ftp://secret"], "images.0 is not the URL of an image"),
        ([PHOTO, 7], "images.1 is not the URL of an image"),
        ([PHOTO] * (MAX_IMAGES + 1), f"17 images are too many; a prompt may have {MAX_IMAGES}"),
    ],
)
def test_that_what_is_no_picture_fails_the_step_and_is_not_quoted(given: Any, message: str) -> None:
    life = begun({"say": asking(images="${{ input.photos }}")}, task={"input": {"question": "?", "photos": given}})
    error = outcome(life).error
    assert error
    assert error.code == "expression"
    assert message in error.message
    assert "secret" not in error.message


@pytest.mark.parametrize(
    ("url", "picture"),
    [(PHOTO, True), (INLINE, True), ("data:text/plain;base64,AA", False), ("file:///etc/x", False), (None, False)],
)
def test_what_an_image_is(url: Any, picture: bool) -> None:  # noqa: FBT001  # a parameter of the test
    assert is_image(url) is picture
