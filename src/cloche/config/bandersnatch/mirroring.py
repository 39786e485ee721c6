"""bandersnatch's section `[mirror]`: where it mirrors from, and what else has its place here."""

from urllib.parse import urlsplit

from distlib.index import DEFAULT_INDEX

from cloche.config.bandersnatch.conf import Conf, Table

SAID = frozenset({"master", "proxy", "timeout", "global-timeout"})
NEEDLESS = frozenset(
    {
        "allow-non-https",  # an address says so itself
        "api-method",
        "cleanup",  # what no page offers is not served
        "cleanup_todo",
        "compare-method",  # files are told by their sha256
        "core-metadata",  # metadata and the JSON API are always there
        "digest_name",
        "directory",  # the folder of the mirror; cloche has one of its own
        "json",
        "log-config",
        "simple-format",  # pages come in each form that a client may ask for
        "stop-on-error",
        "storage-filesystem-manage-permissions",
        "verifiers",
        "workers",
    }
)
ELSEWHERE = {
    "delete_missing_packages": "what becomes of what is gone upstream is said by gone, in "
    "[upstream.NAME.mirror]",
    "diff-append-epoch": "what has changed is told by /-/api/v1/indexes/NAME/changes, or webhooks",
    "diff-file": "what has changed is told by /-/api/v1/indexes/NAME/changes, or webhooks",
    "download-mirror": "files are fetched from where the upstream's pages say they are",
    "download-mirror-no-fallback": "files are fetched from where the upstream's pages say they are",
    "hash-index": "folders named by a letter are for file systems; here is none between",
    "keep-index-versions": "pages as they were are at /as-of/",
    "keep_index_versions": "pages as they were are at /as-of/",
    "root_uri": "pages link to files relatively; public_url of [server] is for the rest",
    "storage-backend": "where files are kept is said by blobs, in [store]",
}
"""Options that are worth a word, where they are set, and what it is."""

NO = frozenset({"", "false", "no", "off", "0", "filesystem"})


def upstream(conf: Conf) -> Table:
    """Where it mirrors from; nothing when that is PyPI, in the usual way."""
    _tell(conf)
    found: Table = {}
    master = (conf.get("mirror", "master") or "").rstrip("/")
    if master and urlsplit(master).hostname != urlsplit(DEFAULT_INDEX).hostname:
        found["url"] = f"{master}/simple/"
    if proxy := conf.get("mirror", "proxy"):
        found["proxy"] = proxy
    for key, ours in (("timeout", "read_timeout"), ("global-timeout", "file_timeout")):
        if (seconds := conf.get("mirror", key)) and seconds.isdecimal():
            found[ours] = int(seconds)
    return found


def _tell(conf: Conf) -> None:
    """What is said of the other options."""
    for key in conf.keys("mirror"):
        is_set = (conf.get("mirror", key) or "").lower() not in NO
        if key == "release-files" and not is_set:
            conf.note(f"[mirror] {key}: files come when they are first asked for")
        elif key in ELSEWHERE and is_set:
            conf.note(f"[mirror] {key}: {ELSEWHERE[key]}")
        elif key not in {*SAID, *NEEDLESS, *ELSEWHERE, "release-files"}:
            conf.note(f"[mirror] {key} is no option of bandersnatch that is known here")
