"""What the operating system refuses, in one line that says what to do."""

from __future__ import annotations

import errno
import os

_WRITABLE = "make it readable and writable for this user, or name another place in the configuration"
_FIXES = {
    errno.ENOSPC: "free some space there; temporary files go where TMPDIR says",
    errno.EDQUOT: "free some space there; temporary files go where TMPDIR says",
    errno.EACCES: _WRITABLE,
    errno.EPERM: _WRITABLE,
    errno.EROFS: _WRITABLE,
    errno.ENOENT: "check the path; temporary files need a folder that can be written, as TMPDIR names one",
    errno.ENOTDIR: "check the path: a part of it is a file",
    errno.EISDIR: "check the path: it is a folder",
    errno.EEXIST: "check the path: something else is there",
    errno.EMFILE: "allow more open files: ulimit -n",
    errno.ENOMEM: "free some memory, or start fewer programs",
    errno.EADDRINUSE: "stop what listens there, or choose another port",
}


def explain(error: OSError) -> str:
    """Return the place, the reason and the fix."""
    place = f"{os.fsdecode(error.filename)}: " if isinstance(error.filename, (str, bytes)) else ""
    reason = error.strerror or str(error) or type(error).__name__
    fix = _FIXES.get(error.errno or 0, "META_AI_DEBUG=1 shows where it happened")
    return f"{place}{reason}; {fix}"
