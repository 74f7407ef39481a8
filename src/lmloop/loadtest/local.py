"""The built-in server as a process of its own, for as long as it is needed."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from lmloop.core.errors import StepError
from lmloop.loadtest.server import Delays

START = (
    "import sys; sys.path[:] = {path!r}; sys.argv[1:] = {arguments!r}; from lmloop.loadtest.server import main; main()"
)


@contextmanager
def local_server(delays: Delays, port: int = 0) -> Iterator[str]:
    """Start the server and give its URL; it ends with this process, however that ends.

    Raises:
        StepError: it does not start.
    """
    arguments = [f"--port={port}", f"--ttft={delays.ttft}", f"--itl={delays.itl}", f"--slots={delays.slots}"]
    code = START.format(path=sys.path, arguments=arguments)
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        url = process.stdout.readline().strip()
        if not url:
            raise StepError("the built-in server did not start", hint="is the port in use by something else?")
        yield url
    finally:
        process.stdin.close()
        process.stdout.close()
        process.terminate()
        process.wait()
