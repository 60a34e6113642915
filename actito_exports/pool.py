"""The pool of worker processes, which goes on when one of them is killed.

With a broker that Celery reads without an event loop (the folder broker), the processes share two pipes behind semaphores. A
process that is killed while it waits for its next task never gives its semaphore back, and no other gets a task again. The
locks here are record locks, which the kernel releases with the process. Redis and AMQP have a pipe per process, without locks.
"""

import fcntl
import tempfile

import billiard.pool
from celery.concurrency.prefork import TaskPool


class ProcessLock:
    """Held by one process at a time, at most until its end."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115  open as long as the pool

    def acquire(self) -> bool:
        fcntl.lockf(self._file, fcntl.LOCK_EX)
        return True

    def release(self) -> None:
        fcntl.lockf(self._file, fcntl.LOCK_UN)

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *error: object) -> None:
        self.release()


class SharedPipesPool(billiard.pool.Pool):  # type: ignore[misc]
    def _setup_queues(self) -> None:
        super()._setup_queues()
        for queue in (self._inqueue, self._outqueue):
            queue._rlock, queue._wlock = ProcessLock(), ProcessLock()


class Pool(TaskPool):  # type: ignore[misc]
    """Celery's prefork pool; `CELERY_WORKER_POOL` names it, so `--pool prefork` starts it too."""

    BlockingPool = SharedPipesPool
