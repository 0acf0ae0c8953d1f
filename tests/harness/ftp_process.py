"""An FTP server of pyftpdlib over one directory: ROOT PORT [BYTES_PER_S that it takes]."""

from __future__ import annotations

import logging
import sys

from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler, ThrottledDTPHandler
from pyftpdlib.servers import FTPServer

EVERYTHING = "elradfmwMT"


class Handler(FTPHandler):
    # Names that are not UTF-8 are stored as they come, as by servers that know nothing of it.
    unicode_errors = "surrogateescape"
    banner = "ready"


class Slow(ThrottledDTPHandler):
    read_limit = int(sys.argv[3]) if len(sys.argv) > 3 else 0


logging.disable()
Handler.dtp_handler = Slow
Handler.authorizer = DummyAuthorizer()
Handler.authorizer.add_anonymous(sys.argv[1], perm=EVERYTHING)
FTPServer(("127.0.0.1", int(sys.argv[2])), Handler).serve_forever()
