"""Progress of the work on an image, and its end on request."""

from __future__ import annotations

import pytest

from cnncompress.codec.progress import StopRefining, refining_until


def test_effort_ends_after_the_step_at_which_it_is_asked_to() -> None:
    seen: list[tuple[int, int]] = []
    watched = refining_until(lambda: len(seen) == 2, lambda done, total: seen.append((done, total)))
    watched(1, 3)
    with pytest.raises(StopRefining):
        watched(2, 3)
    assert seen == [(1, 3), (2, 3)]
