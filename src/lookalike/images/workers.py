"""Decoding processes and who watches over them: a crash or a hang costs one file, never the run.

Plain subprocesses that speak JSON lines, not `multiprocessing`: a user's script needs no ``__main__`` guard, and
nothing is forked after torch has started its threads.
"""

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from lookalike.errors import LibraryError, LookalikeError

CRASHED = "the decoder crashed on it"
_STARTS = 3  # how often a process may end without having come to a file
_WATCH_EVERY = 0.1
_ASLEEP = 1.0  # seconds; a wait of `_WATCH_EVERY` that lasted longer means that the program was paused


@dataclass
class Job:
    """A shard to decode: the worker's instructions, and by slot the seconds that each file may take."""

    shard: int
    instructions: dict[str, Any]
    seconds: dict[int, float]
    doomed: dict[int, str] = field(default_factory=dict)

    def line(self) -> bytes:
        """The instructions as the worker reads them."""
        return json.dumps({"shard": self.shard, "doomed": self.doomed, **self.instructions}).encode() + b"\n"


def usable_cores() -> int:
    """How many processor cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def run_jobs(jobs: Iterable[Job], *, workers: int, report: Callable[[int], None]) -> None:
    """Have `workers` processes do all the jobs; `report` gets the number of files done so far, some times a second.

    Whatever ends this, also Ctrl-C, ends the processes; what they had committed stays.

    Raises
    ------
    LibraryError
        The working copy cannot be written.
    LookalikeError
        The processes do not start.
    """
    source = _Source(iter(jobs))
    operators = [_Operator(source) for _ in range(workers)]
    done = 0
    try:
        for operator in operators:
            operator.start()
        while (running := [o for o in operators if o.is_alive()]) and not any(o.error for o in operators):
            before = time.monotonic()
            running[0].join(_WATCH_EVERY)
            waited = time.monotonic() - before
            for operator in operators:
                if waited > _ASLEEP:
                    operator.postpone(waited)
                operator.stop_if_overdue()
            done = max(done, sum(operator.files_done for operator in operators))
            report(done)
    finally:
        for operator in operators:
            operator.stop()
        for operator in operators:
            operator.join()
    for operator in operators:
        if operator.error:
            raise operator.error


class _Source:
    """The jobs that are left, for threads to take from."""

    def __init__(self, jobs: Iterator[Job]) -> None:
        self._jobs = jobs
        self._lock = threading.Lock()

    def take(self) -> Job | None:
        with self._lock:
            return next(self._jobs, None)


class _Operator(threading.Thread):
    """Does job after job with a process of its own, and replaces the process when it dies."""

    def __init__(self, source: _Source) -> None:
        super().__init__(daemon=True)
        self.error: Exception | None = None
        self._source = source
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()  # over the five below, which the watching thread reads
        self._stopping = False
        self._job: Job | None = None
        self._at: int | None = None
        self._deadline = float("inf")
        self._overdue: int | None = None
        self._finished = 0

    def run(self) -> None:
        """Take jobs until none is left; what goes wrong beyond repair ends up in `error`."""
        try:
            while not self._stopping and (job := self._source.take()) is not None:
                self._complete(job)
        except Exception as error:
            self.error = error
        finally:
            self._end_process()

    @property
    def files_done(self) -> int:
        """Files of the finished shards and of the one in work."""
        with self._lock:
            started = 0 if self._job is None or self._at is None else self._at - min(self._job.seconds)
            return self._finished + started

    def stop_if_overdue(self) -> None:
        """End the process when it has been at one file for too long."""
        with self._lock:
            if self._process and self._at is not None and time.monotonic() > self._deadline and self._overdue is None:
                self._overdue = self._at
                self._process.kill()

    def postpone(self, seconds: float) -> None:
        """Give the file in work so many seconds more (a pause of the program), but no more than a fresh start would."""
        with self._lock:
            if self._job and self._at is not None:
                self._deadline = min(self._deadline + seconds, time.monotonic() + self._job.seconds[self._at])

    def stop(self) -> None:
        """End the process and start no other."""
        with self._lock:
            self._stopping = True
            if self._process:
                self._process.kill()

    def _complete(self, job: Job) -> None:
        """Try until the job is done, each time without the files that a try has failed on."""
        failures: Counter[int] = Counter()
        starts = 0
        while not self._attempt(job) and not self._stopping:
            slot = self._at if self._overdue is None else self._overdue
            status = self._end_process()
            if slot is None:
                starts += 1
                if starts == _STARTS:
                    raise LookalikeError(
                        f"The decoding processes end (exit status {status}) before they come to a picture; "
                        f"`{sys.executable} -m lookalike.images.worker` says why."
                    )
                continue
            failures[slot] += 1
            if failures[slot] == 2:  # the first time it may have been somebody else's fault
                late = f"decoding took longer than {job.seconds[slot]:.0f} s"
                job.doomed[slot] = CRASHED if self._overdue is None else late

    def _attempt(self, job: Job) -> bool:
        """Whether the process finished the job; if not, it is dead."""
        with self._lock:
            if self._stopping:
                return False
            self._job, self._at, self._overdue = job, None, None
            if self._process is None:
                self._process = _start_process()
            process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(job.line())
            process.stdin.flush()
        except OSError:
            return False
        return any(self._hear(json.loads(line), job) for line in process.stdout)

    def _hear(self, said: dict[str, Any], job: Job) -> bool:
        """Take note of what the process says; whether the job is done with that."""
        if "failed" in said:
            raise LibraryError(f"The working copy cannot be written: {said['failed']}.")
        with self._lock:
            self._at = said.get("at")
            if self._at is not None:
                self._deadline = time.monotonic() + job.seconds[self._at]
            if "done" in said:
                self._finished += len(job.seconds)
                self._job = None
        return "done" in said

    def _end_process(self) -> int | None:
        with self._lock:
            process, self._process = self._process, None
        if process is None:
            return None
        process.kill()
        for pipe in (process.stdin, process.stdout):
            if pipe:
                with contextlib.suppress(OSError):
                    pipe.close()
        return process.wait()


def _start_process() -> subprocess.Popen[bytes]:
    """A worker that imports what this process would, but (-P) nothing from the folder that happens to be current."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry),
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "lookalike.images.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
    )
