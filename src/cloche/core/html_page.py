"""A project's page in HTML, as an upstream sends it (PEP 503, 592, 629, 658, 714, 740, 792)."""

import re
from urllib.parse import unquote, urljoin

from selectolax.lexbor import LexborHTMLParser, LexborNode

from cloche.core import beyond, entries
from cloche.core.addresses import secure
from cloche.core.errors import UpstreamLies
from cloche.core.model import File, Page, ProjectName, Unknown, sane_hashes

_BOOLEANS = {"true": True, "false": False}
_METAS = frozenset(
    f"pypi:{name}"
    for name in (
        *("repository-version", "project-status", "project-status-reason"),
        *("tracks", "alternate-locations"),  # of the index that the page lies on (PEP 708)
    )
)
_ATTRIBUTES = frozenset(
    {
        *("href", "data-requires-python", "data-core-metadata", "data-dist-info-metadata"),
        *("data-yanked", "data-gpg-sig", "data-provenance"),
    }
)

# Every tag but those that say something here or hide what looks like one. The parser's time
# grows with the square of the nesting: 300 KB of <div> took it 4 s.
_BESIDE_THE_POINT = re.compile(
    rb"</?(?!(?:a|base|meta|script|style|title)[\s/>])[a-z][^<>]*>", re.IGNORECASE
)


def read(name: ProjectName, body: bytes, url: str, max_files: int) -> Page:
    """Read it. Raise UpstreamLies when it is none."""
    tree = parse_html(body)
    metas = {
        node.attributes.get("name") or "": node.attributes.get("content")
        for node in tree.css("meta[name]")
    }
    version = metas.get("pypi:repository-version")
    entries.check_version(name, version)
    links = tree.css("a[href]")
    if not links and version is None:
        # A log-in page or a proxy's apology is HTML without links too.
        raise UpstreamLies(f"the upstream's page of {name} lists nothing and is not marked a page")
    entries.check_count(name, len(links), max_files)
    base = base_of(tree, url)
    status, reason = entries.status_of(
        metas.get("pypi:project-status"), metas.get("pypi:project-status-reason")
    )
    return Page(
        name=name,
        files=entries.sound(name, len(links), (_html_file(link, base) for link in links)),
        status=status,
        status_reason=reason,
        unknown=Unknown(metas=said) if (said := beyond.metas(metas, _METAS)) else None,
    )


def parse_html(body: bytes) -> LexborHTMLParser:
    """Parse what matters here: links, and what says how to take them."""
    return LexborHTMLParser(_BESIDE_THE_POINT.sub(b"", body))


def base_of(tree: LexborHTMLParser, url: str) -> str:
    """What links are relative to: `<base>` says so, if it says anything that makes sense."""
    node = tree.css_first("base[href]")
    try:
        return urljoin(url, node.attributes.get("href") or "") if node else url
    except ValueError:
        return url


def _html_file(link: LexborNode, base: str) -> File | None:
    said = link.attributes
    href, _, fragment = (said.get("href") or "").strip().partition("#")
    hashes = dict(part.partition("=")[::2] for part in fragment.split("&"))
    metadata = said.get("data-core-metadata", said.get("data-dist-info-metadata"))
    filename = unquote(href.partition("?")[0].rpartition("/")[2])
    url = entries.place(filename, href, base)
    if url is None:
        return None
    provenance = said.get("data-provenance")
    # No standard has it, but indexes without JSON do (PyTorch's), and uv reads it.
    when, text = entries.moment(said.get("data-upload-time"))
    return File(
        filename=filename,
        url=url,
        hashes=sane_hashes(hashes),
        upload_time=when,
        upload_time_text=text,
        requires_python=said.get("data-requires-python"),
        core_metadata=entries.claim(_html_metadata(metadata)),
        yanked=(said["data-yanked"] or True) if "data-yanked" in said else False,
        gpg_sig=_BOOLEANS.get((said.get("data-gpg-sig") or "").lower()),
        provenance=secure(provenance, base) if provenance else None,
        attributes=None if said.keys() <= _ATTRIBUTES else beyond.attributes(said, _ATTRIBUTES),
    )


def _html_metadata(said: str | None) -> bool | dict[str, str]:
    algorithm, _, value = (said or "").partition("=")
    return {algorithm: value} if value else algorithm.lower() == "true"
