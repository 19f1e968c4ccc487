from datetime import UTC, datetime, timedelta, timezone

import pytest

from domain import clock

MOMENT = datetime(2026, 11, 21, 20, 46, tzinfo=UTC)


def test_the_clock_runs_in_utc() -> None:
    before = datetime.now(UTC)
    now = clock.now()
    assert before <= now <= datetime.now(UTC)
    assert now.tzinfo is UTC


def test_a_stopped_clock_stands_until_it_is_moved() -> None:
    with clock.frozen_at(MOMENT):
        stood = [clock.now(), clock.now()]
        clock.advance(timedelta(days=60, microseconds=1))
        assert [*stood, clock.now()] == [MOMENT, MOMENT, MOMENT + timedelta(days=60, microseconds=1)]
    assert clock.now() != MOMENT


def test_a_moment_of_another_zone_is_read_in_utc() -> None:
    with clock.frozen_at(datetime(2026, 11, 22, 1, 46, tzinfo=timezone(timedelta(hours=5)))):
        assert clock.now().isoformat() == "2026-11-21T20:46:00+00:00"


def test_a_clock_stopped_twice_stands_again_where_it_stood() -> None:
    with clock.frozen_at(MOMENT):
        with clock.frozen_at(MOMENT + timedelta(days=1)):
            pass
        assert clock.now() == MOMENT


def test_a_running_clock_is_not_moved() -> None:
    with pytest.raises(RuntimeError):
        clock.advance(timedelta(seconds=1))
