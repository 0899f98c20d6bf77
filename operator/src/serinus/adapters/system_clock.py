"""The machine's clock."""

from datetime import UTC, datetime


class SystemClock:
    """Implements `serinus.ports.Clock`."""

    def now(self) -> datetime:
        """The current time in UTC."""
        return datetime.now(UTC)
