"""When the lanes run: each as often as it is told, and none together with another."""

from datetime import timedelta

from airflow.sdk import CronTriggerTimetable, DeltaTriggerTimetable


def staggered(
    every: timedelta, place: int, of: int
) -> CronTriggerTimetable | DeltaTriggerTimetable:
    """Return the timetable of one lane out of so many, evenly apart in time.

    Lanes that begin in the same second take the processor from each other, and each
    of them is late. A clock can keep them apart if a minute holds a whole number of
    runs; else each lane counts from its own last run.
    """
    seconds = every.total_seconds()
    if not seconds.is_integer() or 60 % seconds:
        return DeltaTriggerTimetable(every)
    first = int(seconds) * place // of
    moments = ",".join(map(str, range(first, 60, int(seconds))))
    # Six fields: the seconds stand last.
    return CronTriggerTimetable(f"* * * * * {moments}", timezone="UTC")
