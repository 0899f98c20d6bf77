"""When a cron expression is due, in its time zone: five fields, by the library cronsim.

At the change to summer time, what is due in the hour that is left out runs right after it; in the hour that comes twice it
runs once, and only wildcards in the hour run in both (as Debian's cron does).
"""

from datetime import UTC, datetime, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from serinus.core.cron import checked_cron
from serinus.core.errors import SpecInvalid

NEVER_DUE_BEFORE: Final = datetime(2026, 1, 1, tzinfo=UTC)  # what is due at all is due within some years of any day


def zone_of(name: str) -> tzinfo:
    """The IANA time zone. Raises SpecInvalid."""
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError) as error:  # unknown, a folder's name, or no zone at all
        raise SpecInvalid(f'there is no time zone "{name}"; write an IANA name, as in Europe/Berlin') from error


def next_moment(cron: str, time_zone: str, after: datetime) -> datetime:
    """The first moment later than `after`, in UTC. Raises SpecInvalid for a cron that is none or is never due."""
    return _moment(cron, time_zone, after, reverse=False)


def latest_moment(cron: str, time_zone: str, since: datetime, now: datetime) -> datetime | None:
    """The last moment in (since, now], or None. Of moments that nobody was there for, only the last one counts."""
    if next_moment(cron, time_zone, since) > now:
        return None
    following = next_moment(cron, time_zone, now)
    latest = _moment(cron, time_zone, following, reverse=True)
    return latest if since < latest <= now else None


def _moment(cron: str, time_zone: str, start: datetime, *, reverse: bool) -> datetime:
    zone, checked = zone_of(time_zone), checked_cron(cron)
    try:
        return next(CronSim(checked, start.astimezone(zone), reverse=reverse)).astimezone(UTC)
    except (CronSimError, StopIteration) as error:
        raise SpecInvalid(
            f'cron "{cron}" is never due: no such day is in any month it names; correct day and month, as in 0 3 1 * *'
        ) from error
