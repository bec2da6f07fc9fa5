"""Signals as requests."""

from __future__ import annotations

import signal

import pytest

from cnncompress.cli.signals import stop_request


@pytest.mark.parametrize(("number", "exit_code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_first_signal_is_noted(number: signal.Signals, exit_code: int) -> None:
    handler = signal.getsignal(number)
    with stop_request() as request:
        assert (request.number, request.exit_code) == (None, 0)
        signal.raise_signal(number)
        assert (request.number, request.exit_code) == (number, exit_code)
        assert signal.getsignal(number) is handler
    assert signal.getsignal(number) is handler


def test_second_signal_acts_as_always() -> None:
    with pytest.raises(KeyboardInterrupt), stop_request() as request:
        signal.raise_signal(signal.SIGINT)
        assert request.number == signal.SIGINT
        signal.raise_signal(signal.SIGINT)


def test_handlers_come_back_after_an_error() -> None:
    handler = signal.getsignal(signal.SIGTERM)
    with pytest.raises(ZeroDivisionError), stop_request():
        raise ZeroDivisionError
    assert signal.getsignal(signal.SIGTERM) is handler
