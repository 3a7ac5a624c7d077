"""The meeting of the processes that train together: who is there, what they say, who is gone.

The first process serves it at the coordinator's address, and every process, the first one too,
keeps a connection to it. Lines of JSON go both ways. A process that dies closes its connection, and
one that hangs or whose network is cut is silent for too long; then all the others end with a
message that names it. Nothing here computes, so it needs neither Keras nor a backend.
"""

import json
import os
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from core.errors import SettingError
from core.given_numbers import whole_number

BEAT = 1.0  # seconds between two signs of life
SILENCE = 30.0  # seconds without one after which a process counts as gone


def split_address(address: str) -> tuple[str, int]:
    """`(host, port)` of "HOST:PORT" or "[IPv6]:PORT".

    Raises:
        SettingError: it is something else.
    """
    host, colon, port = address.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not (colon and host and 0 < (whole_number(port) or 0) < 2**16):
        raise SettingError(
            "coordinator",
            address,
            "HOST:PORT, the machine of process 0 and a free port of it",
            "For example --coordinator=10.0.0.1:8476, the same for all processes.",
        )
    return host, int(port)


def end_process(message: str) -> None:
    """Says why on standard error, and ends the process at once with status 1.

    It may be called from any thread. The main thread may be waiting for a process that will never
    answer, where nothing else would end it.
    """
    with suppress(OSError, ValueError):
        print(f"error: {message}", file=sys.stderr, flush=True)
        sys.stdout.flush()
    os._exit(1)


class _Line:
    """A connection that carries JSON objects, one a line."""

    def __init__(self, connection: socket.socket, silence: float):
        connection.settimeout(silence)
        self._connection, self._lock = connection, threading.Lock()
        self._file = connection.makefile("rb")

    def send(self, **message: Any) -> bool:
        """Returns whether it could be sent; a closed connection is the reader's to report."""
        try:
            with self._lock:
                self._connection.sendall(json.dumps(message).encode() + b"\n")
        except OSError:
            return False
        return True

    def read(self) -> dict[str, Any] | None:
        """The next message; None when the connection is closed or speaks of something else.

        Raises:
            TimeoutError: nothing came for too long.
        """
        try:
            message = json.loads(self._file.readline() or b"null")
        except TimeoutError:
            raise
        except (OSError, ValueError):
            return None
        return message if isinstance(message, dict) else None

    def close(self) -> None:
        """Closes it; a read that waits ends."""
        with suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)
        with suppress(OSError):
            self._file.close()
            self._connection.close()


class _Server:
    """The side of the meeting that the first process serves."""

    def __init__(self, address: str, count: int, patience: float, silence: float):
        self._count, self._patience, self._silence = count, patience, silence
        self._lines: dict[int, _Line] = {}
        self._origins: dict[int, str] = {}
        self._left: set[int] = set()
        self._values: dict[int, dict[int, Any]] = {}  # turn -> process -> what it said
        self._signal, self._steps = 0, dict[int, int]()
        self._lock = threading.RLock()
        self._full = threading.Event()
        port = split_address(address)[1]
        both = socket.has_dualstack_ipv6()
        try:
            self._listener = socket.create_server(
                ("", port), family=socket.AF_INET6 if both else socket.AF_INET, dualstack_ipv6=both
            )
        except OSError as error:
            raise SettingError(
                "coordinator",
                address,
                f"a port that process 0 can open on its machine ({error.strerror or error})",
                "Is process 0 running already? Give another port, the same to all processes.",
            ) from error
        for work in (self._accept, self._expect):
            threading.Thread(target=work, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, origin = self._listener.accept()
            except OSError:  # closed
                return
            line = _Line(connection, self._silence)
            threading.Thread(
                target=self._serve, args=(line, origin[0].removeprefix("::ffff:")), daemon=True
            ).start()

    def _expect(self):
        """Ends the meeting if not all processes have come in time."""
        if not self._full.wait(self._patience):
            missing = [str(n) for n in range(self._count) if n not in self._lines]
            self._tell_all(
                gone=f"{_in_words(missing)} of {self._count} did not come within "
                f"{self._patience:g} s of the start of process 0. Start all of them with the same "
                "--coordinator and --processes."
            )

    def _serve(self, line, origin):
        """Reads what a process says, until it leaves."""
        try:
            number = self._welcome(line, origin)
        except TimeoutError:
            number = None
        if number is None:
            line.close()
            return
        why = f"process {number} of {self._count} is gone: its connection from {origin} was closed"
        try:
            while message := line.read():
                if "end" in message:
                    why = message["end"] and f"process {number} stopped: {message['end']}"
                    break
                self._take(number, message)
        except TimeoutError:
            why = f"process {number} of {self._count} gave no sign of life for {self._silence:g} s"
        with self._lock:
            self._left.add(number)
        if why:
            self._tell_all(gone=why)

    def _welcome(self, line, origin):
        """The number of a process that has come; None for one that is refused."""
        message = line.read()
        if not message or not {"process", "processes"} <= set(message):
            return None
        number, count = message["process"], message["processes"]
        with self._lock:
            refused = None
            if count != self._count:
                refused = ("processes", count, f"{self._count}, as process 0 has it")
            elif number in self._lines:
                others = f"a number that is free: {self._origins[number]} has process {number}"
                refused = ("process", number, others)
            if refused:
                line.send(refused=refused)
                return None
            self._lines[number], self._origins[number] = line, origin
            line.send(welcome=True)
            if len(self._lines) == self._count:
                self._full.set()
        return number

    def _take(self, number, message):
        with self._lock:
            if "turn" in message:
                said = self._values.setdefault(message["turn"], {})
                said[number] = message["value"]
                if len(said) == self._count:
                    values = [said[n] for n in range(self._count)]
                    self._tell_all(turn=message["turn"], values=values)
                    del self._values[message["turn"]]
            elif "signal" in message and not self._signal:
                self._signal = message["signal"]
                self._tell_all(signal=self._signal)
            elif "step" in message:
                self._steps[number] = message["step"]
                if len(self._steps) == self._count:
                    self._tell_all(stop_at=max(self._steps.values()) + 1)
            elif "beat" in message:
                self._lines[number].send(beat=True)

    def _tell_all(self, **message):
        """Tells all, the own process last: what it hears may end it."""
        with self._lock:
            for number in sorted(self._lines, reverse=True):
                if number not in self._left:
                    self._lines[number].send(**message)

    def close(self, patience: float) -> None:
        """Closes the meeting once all others have left, or after `patience` seconds."""
        end = time.monotonic() + patience
        while time.monotonic() < end and set(self._lines) - self._left - {0}:
            time.sleep(0.05)
        self._listener.close()


def _in_words(numbers):
    return f"process {numbers[0]}" if len(numbers) == 1 else f"processes {', '.join(numbers)}"


class Meeting:
    """A process's place in the meeting.

    Attributes:
        number: of this process, from 0 on.
        count: how many processes there are.
    """

    def __init__(
        self,
        address: str,
        count: int,
        number: int,
        *,
        patience: float = 300.0,
        silence: float = SILENCE,
        lost: Callable[[str], None] = end_process,
    ):
        """Joins, and waits until all are there.

        Args:
            address: HOST:PORT of process 0, which opens the port.
            count: how many processes there are.
            number: of this one; 0 serves the meeting.
            patience: seconds to wait for the others.
            silence: seconds without a sign of life after which a process counts as gone.
            lost: called with a message, in another thread, when another process is gone.

        Raises:
            SettingError: process 0 cannot be reached, or has no place for this process.
        """
        self.number, self.count, self._address, self._lost = number, count, address, lost
        self._silence, self._over = silence, False
        self._news = threading.Condition()
        self._answers: dict[int, list] = {}
        self._turn, self._step = 0, 0
        self._wanted, self._told, self._asked = 0, False, 0
        self._stop_at: int | None = None
        host, _ = split_address(address)
        self._server = _Server(address, count, patience, silence) if number == 0 else None
        self._line = self._reach("localhost" if self._server else host, patience)
        for work in (self._listen, self._beat):
            threading.Thread(target=work, daemon=True).start()
        self.gather(None)

    def _reach(self, host, patience):
        """A connection to process 0, which may not have started yet."""
        port, end, tries = split_address(self._address)[1], time.monotonic() + patience, 0
        while True:
            tries += 1
            try:
                connection = socket.create_connection((host, port), timeout=min(10, patience))
                break
            except OSError as error:
                if time.monotonic() > end:
                    raise self._unreachable(patience, tries, error) from error
                time.sleep(min(0.5, patience))
        line = _Line(connection, self._silence)
        line.send(process=self.number, processes=self.count)
        answer = line.read() or {}
        if "welcome" in answer:
            return line
        line.close()
        if "refused" in answer:
            setting, received, expected = answer["refused"]
            advice = "Every process needs a number of its own, from 0 on."
            raise SettingError(setting, received, expected, advice)
        raise self._unreachable(patience, tries, "something else answers at this port")

    def _unreachable(self, patience, tries, error):
        return SettingError(
            "coordinator",
            self._address,
            f"the address of process 0; it did not answer in {patience:g} s ({tries} attempts, the "
            f"last one: {error})",
            "Start process 0 there, see that no firewall closes the port, or give its address.",
        )

    def _listen(self):
        """Reads what the first process says, until this one leaves."""
        why = f"process 0 of {self.count}, at {self._address}, is gone: it closed the connection"
        try:
            while message := self._line.read():
                if "gone" in message:
                    why = message["gone"]
                    break
                self._hear(message)
        except TimeoutError:
            why = f"process 0 of {self.count} gave no sign of life for {self._silence:g} s"
        if not self._over:
            if self._server:
                self._server.close(2)  # so that what was sent arrives
            again = "All processes stop; the same commands go on from the last checkpoint"
            self._lost(why if why.endswith(".") else f"{why}. {again}.")

    def _hear(self, message):
        with self._news:
            if "turn" in message:
                self._answers[message["turn"]] = message["values"]
            elif "signal" in message:
                self._asked = message["signal"]
                self._line.send(step=self._step)
            elif "stop_at" in message:
                self._stop_at = message["stop_at"]
            self._news.notify_all()

    def _beat(self):
        """Says that this process lives, and what signal it got."""
        while not self._over:
            if self._wanted and not self._told:
                self._told = self._line.send(signal=self._wanted)
            self._line.send(beat=True)
            time.sleep(BEAT)

    def gather(self, value: Any) -> list:
        """What each process says, in the order of their numbers.

        All must call it, in the same order. It waits for the slowest; if one is gone, the meeting
        ends.

        Args:
            value: what this one says; it must fit into JSON.
        """
        self._turn += 1
        self._line.send(turn=self._turn, value=value)
        with self._news:
            while self._turn not in self._answers:
                self._news.wait(1.0)  # so that a signal is handled meanwhile
            return self._answers.pop(self._turn)

    def signal(self, number: int) -> None:
        """Asks all processes to stop, as this one got a signal; its handler may call this."""
        self._wanted = number

    @property
    def asked(self) -> int:
        """The number of the signal that any process got, 0 for none."""
        return self._asked

    def stops(self, step: int) -> int:
        """The number of the signal for which all stop after this step, or 0: all get the same.

        Args:
            step: how many steps were done; it must be called after each of them.
        """
        with self._news:
            if not self._asked:
                self._step = step
                return 0
            while self._stop_at is None:
                self._news.wait(1.0)
            return self._asked if step >= self._stop_at else 0

    def leave(self, message: str = "", patience: float = 10.0) -> None:
        """Leaves the meeting.

        Args:
            message: why, if something went wrong: then all the others end with this message.
            patience: how many seconds the first process waits for the others to leave.
        """
        if self._over:
            return
        self._over = True
        self._line.send(end=message)
        if self._server:
            self._server.close(patience)
        self._line.close()
