"""bandersnatch's filters over how much there is of a project: versions, bytes."""

import re
from collections.abc import Iterator

from cloche.config.bandersnatch.conf import Conf, Table
from cloche.config.bandersnatch.names import allowed

_SIZE = re.compile(r"(\d{1,18}(?:\.\d{1,9})?)\s*([bkmgtpezy]?)[a-z]*\Z", re.IGNORECASE | re.ASCII)
_POWERS = "bkmgtpezy"


def latest_release(conf: Conf) -> Iterator[Table]:
    section = "latest_release"
    if keep := conf.number(section, "keep"):
        rule: Table = {"kind": "newest", "count": keep, "exactly": True}
        by_time = conf.get(section, "sort_by") == "time"
        yield rule | ({"by": "upload-time"} if by_time else {})


def size_project_metadata(conf: Conf) -> Iterator[Table]:
    said = conf.get("size_project_metadata", "max_package_size")
    if said is None:
        return
    found = _SIZE.match(said)
    if found is None:
        conf.note(f"[size_project_metadata] max_package_size: {said} is no size: it limits nothing")
        return
    # Its k, M and G are of 1024, whatever follows them.
    power = max(0, _POWERS.find(found[2].lower())) if found[2] else 0
    if most := int(float(found[1]) * 1024**power):
        yield {"kind": "project_size", "max": most} | _exempt(conf)


def versions_count(conf: Conf) -> Iterator[Table]:
    section = "versions_count_project_metadata"
    least, most = (conf.number(section, f"{end}_versions") for end in ("min", "max"))
    if 0 < most < least:
        conf.note(f"[{section}] min_versions is more than max_versions: it limits nothing")
        return
    if bounds := {key: n for key, n in (("min", least), ("max", most)) if n}:
        yield {"kind": "versions"} | bounds | _exempt(conf)


def _exempt(conf: Conf) -> Table:
    names = allowed(conf)
    return {"exempt": names} if names else {}
