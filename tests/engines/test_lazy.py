"""Values that are made when they are needed, and work that is shared out."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from cnncompress.engines.lazy import Lazy, Recent
from cnncompress.engines.ncnn.workers import Workers


def test_made_once_for_all_threads() -> None:
    made: list[int] = []

    def make() -> int:
        time.sleep(0.05)
        made.append(1)
        return len(made)

    value = Lazy(make)
    assert not made
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda _: value.value, range(8))) == [1] * 8


def test_values_do_not_wait_for_each_other() -> None:
    begun, end = threading.Event(), threading.Event()

    def make() -> bool:
        begun.set()
        return end.wait(10)

    slow, quick = Lazy(make), Lazy(lambda: 5)
    with ThreadPoolExecutor(2) as pool:
        waiting = pool.submit(lambda: slow.value)
        assert begun.wait(10)
        try:
            assert pool.submit(lambda: quick.value).result(timeout=5) == 5
        finally:
            end.set()
        assert waiting.result()


def test_failures_are_not_kept() -> None:
    answers = iter([None, 5])

    def make() -> int:
        answer = next(answers)
        if answer is None:
            raise OSError("not yet")
        return answer

    value = Lazy(make)
    with pytest.raises(OSError, match="not yet"):
        _ = value.value
    assert value.value == 5


@pytest.mark.parametrize("threads", [1, 3])
def test_all_pieces_are_done(threads: int) -> None:
    done: set[int] = set()
    used: set[int] = set()

    def work(piece: int) -> None:
        time.sleep(0.01)
        used.add(threading.get_ident())
        done.add(piece)

    Workers(threads).run(work, range(20))
    assert done == set(range(20))
    assert (used == {threading.get_ident()}) == (threads == 1)


@pytest.mark.parametrize("threads", [1, 3])
def test_what_a_piece_raises_reaches_the_caller(threads: int) -> None:
    def work(piece: int) -> None:
        if piece == 2:
            raise MemoryError("no more")

    with pytest.raises(MemoryError, match="no more"):
        Workers(threads).run(work, range(5))


def test_values_that_were_used_last_are_kept() -> None:
    recent, made = Recent[int, str](2), list[int]()

    def make(key: int) -> str:
        made.append(key)
        return str(key)

    assert [recent.get(key, make) for key in (1, 2, 1, 3, 1, 2)] == ["1", "2", "1", "3", "1", "2"]
    assert made == [1, 2, 3, 2]


def test_a_value_that_cannot_be_made_is_tried_again() -> None:
    recent = Recent[int, str](2)
    with pytest.raises(ZeroDivisionError):
        recent.get(1, lambda key: str(key // 0))
    assert recent.get(1, str) == "1"
