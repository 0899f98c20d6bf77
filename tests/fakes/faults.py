"""Ports that break off: the program dies, or the outside world answers with an error, at a chosen call."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from inspect import iscoroutinefunction
from typing import Any


class Crash(BaseException):
    """The program died here. Not an Exception, so that nothing in Serinus can catch it by mistake."""


@dataclass
class Fault:
    """Raise `error` at the call of that number (from 0), counted over all ports; `after` its effect or before."""

    call: int
    after: bool
    error: BaseException
    names: list[str] = field(default_factory=list)
    raised: str = ""

    @property
    def calls(self) -> int:
        """How many calls there were."""
        return len(self.names)

    @contextmanager
    def around(self, name: str) -> Iterator[None]:
        due = self.calls == self.call
        self.names.append(name)
        if due and not self.after:
            self._raise(name)
        yield
        if due:
            self._raise(name)

    def _raise(self, name: str) -> None:
        self.raised = f"{'after' if self.after else 'before'} {name}"
        raise self.error


class Breaking:
    """A port whose every call goes through a fault."""

    def __init__(self, port: object, fault: Fault) -> None:
        self._port = port
        self._fault = fault

    def __getattr__(self, name: str) -> Any:
        method: Callable[..., Any] = getattr(self._port, name)
        where = f"{type(self._port).__name__}.{name}"
        if iscoroutinefunction(method):

            async def ask(*args: Any, **options: Any) -> Any:
                with self._fault.around(where):
                    return await method(*args, **options)

            return ask

        def call(*args: Any, **options: Any) -> Any:
            with self._fault.around(where):
                return method(*args, **options)

        return call
