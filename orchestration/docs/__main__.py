"""`make docs`: write the site into a temporary folder and serve it on the loopback interface until interrupted."""

import re
import signal
import sys
import tempfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from assets.raw import expectation_pages
from assets.resources.settings import DOCS_HOST as HOST
from assets.resources.settings import DOCS_PORT as PORT
from assets.resources.settings import REPOSITORY
from orchestration import environments as env
from orchestration.docs.expectations import NOTHING_YET, framed
from orchestration.docs.site import write_site
from orchestration.terminal import plain_console

_PAGE_NAME = re.compile(r"\w[\w.-]*\.html")  # a file of the folder itself


class Handler(SimpleHTTPRequestHandler):
    """Files of the site, and under /expectations/ the pages that loads write, as they are now."""

    def __init__(self, *arguments: object, expectations: Path, **options: object):
        self.expectations = expectations
        super().__init__(*arguments, **options)

    def translate_path(self, path: str) -> str:
        below = f"/{expectation_pages.SERVED}/"
        if not path.startswith(below):
            return super().translate_path(path)
        site, self.directory = self.directory, str(self.expectations)
        try:
            return super().translate_path(path.removeprefix(below[:-1]))
        finally:
            self.directory = site

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        below = f"/{expectation_pages.SERVED}/"
        name = path.removeprefix(below) or expectation_pages.INDEX
        if not path.startswith(below) or not _PAGE_NAME.fullmatch(name):
            super().do_GET()
            return
        file = self.expectations / name
        if file.is_file():
            self._answer(framed(file.read_text(encoding="utf-8")))
        elif name == expectation_pages.INDEX:
            self._answer(framed(NOTHING_YET))
        else:
            self.send_error(404)

    def _answer(self, page: str) -> None:
        body = page.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Not a line a request."""


def serve(site: Path, expectations: Path, port: int = PORT) -> ThreadingHTTPServer:
    """A server that is ready to answer; port 0 takes a free one.

    Raises:
        OSError: the port is taken.
    """
    return ThreadingHTTPServer((HOST, port), partial(Handler, directory=str(site), expectations=expectations))


def main() -> int:
    console = plain_console()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        with tempfile.TemporaryDirectory(prefix="carryover-docs-") as folder:
            with console.status("writing the pages"):
                from orchestration.definitions import defs

                warehouse = env.paths().warehouse
                write_site(REPOSITORY, warehouse, defs, Path(folder))
            with serve(Path(folder), expectation_pages.folder(warehouse)) as server:
                console.print(f"http://{HOST}:{PORT}/  (Ctrl-C ends it)")
                server.serve_forever()
    except KeyboardInterrupt:
        pass
    except OSError as error:
        console.print(f"port {PORT} of {HOST}: {error.strerror}: end what uses it and try again", style="red")
        return 1
    except (ValueError, RuntimeError) as error:
        console.print(str(error), style="red")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
