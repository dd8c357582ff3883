"""How a task goes on: pages, passes, its end, and its fields."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from casework.model.task import (
    AGAIN,
    MOST_PASSES,
    Task,
    TaskKind,
    TaskState,
    begun,
    flattened,
    passed,
    progressed,
    restored,
    started,
    taken,
)

AT = datetime(2026, 3, 2, 3, tzinfo=UTC)
LATER = AT + timedelta(minutes=2)
TASK = Task(TaskKind.AMENDMENT, "a" * 32, 3, "VN", AT, calendar_version=4, first_on=date(2026, 3, 6))
BEGUN = started(TASK, LATER)


def test_a_task_begins() -> None:
    assert (TASK.state, TASK.started_at) == (TaskState.PENDING, None)
    assert (BEGUN.state, BEGUN.started_at, BEGUN.passing) == (TaskState.RUNNING, LATER, 1)


def test_a_page_is_taken_and_put_down() -> None:
    held = taken(BEGUN, "22", "place", ["x", "y", "z"])
    assert (held.within, held.place, held.page, held.looked) == ("22", "place", ("x", "y", "z"), 0)
    done = progressed(progressed(held, 2, 1), 0, 0)
    assert (done.page, done.looked, done.changed, done.failed) == ((), 3, 2, 1)
    assert (done.within, done.place) == ("22", "place")


def test_a_page_that_is_begun_again_and_again_counts_it_until_it_is_put_down() -> None:
    held = taken(BEGUN, "22", "place", ["x"])
    assert held.tries is None
    assert [begun(held).tries, begun(begun(held)).tries] == [1, 2]
    assert progressed(begun(begun(held)), 0, 1).tries is None


def test_the_second_pass_comes_a_quarter_of_an_hour_after_what_the_task_follows_from() -> None:
    first = progressed(taken(BEGUN, "22", "place", ["x"]), 1, 1)
    following, at = passed(first, LATER)
    assert at == AT + AGAIN
    assert following == replace(first, passing=2, within=None, place=None, looked=0, failed=0)
    assert passed(first, AT + 2 * AGAIN) == (following, AT + 2 * AGAIN)


def test_a_task_is_done_after_two_passes_in_which_nothing_failed() -> None:
    second = replace(BEGUN, passing=2, within="22", place="place", looked=3, changed=5)
    done, at = passed(second, LATER)
    assert at is None
    assert done == replace(second, state=TaskState.DONE, within=None, place=None, ended_at=LATER)


def test_what_fails_is_tried_again_for_some_time() -> None:
    task, passes = replace(BEGUN, passing=2, failed=1), 2
    while True:
        following, at = passed(task, LATER)
        if at is None:
            break
        assert at == LATER + AGAIN
        task, passes = replace(following, failed=1), passes + 1
    assert passes == MOST_PASSES
    assert (following.state, following.failed) == (TaskState.DONE, 1)


def test_a_task_comes_back_from_its_fields() -> None:
    for task in (TASK, begun(taken(BEGUN, "22", "place", ["x"]))):
        assert restored(flattened(task)) == task
