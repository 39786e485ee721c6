"""The fields of the legacy upload API, as they are told of a file that is sent elsewhere."""

from collections.abc import Mapping, Sequence

from cloche.core.filenames import Named
from cloche.core.metadata import Metadata

SINGLE = (
    "metadata_version",
    "summary",
    "description",
    "description_content_type",
    "author",
    "author_email",
    "maintainer",
    "maintainer_email",
    "license",
    "license_expression",
    "home_page",
    "download_url",
    "requires_python",
)
SEVERAL = {  # by the form's names
    "classifiers": "classifiers",
    "requires_dist": "requires_dist",
    "provides_extra": "provides_extra",
    "platform": "platforms",
    "license_file": "license_files",
    "dynamic": "dynamic",
}


def upload_form(
    named: Named, metadata: Metadata | None, digests: Mapping[str, str], attestations: Sequence[str]
) -> dict[str, list[str]]:
    """All fields that have a value; what an archive does not say of itself is not made up."""
    form = {
        ":action": ["file_upload"],
        "protocol_version": ["1"],
        "filetype": [named.filetype],
        "pyversion": [named.pyversion],
        "name": [metadata.name if metadata else named.project],
        "version": [metadata.version if metadata else str(named.version)],
        **{f"{name}_digest": [digest] for name, digest in digests.items()},
        "attestations": list(attestations),
    }
    if metadata is not None:
        form |= {name: [getattr(metadata, name) or ""] for name in SINGLE}
        form |= {name: list(getattr(metadata, ours)) for name, ours in SEVERAL.items()}
        form["keywords"] = [",".join(metadata.keywords)]
        form["project_urls"] = [f"{label}, {url}" for label, url in metadata.project_urls.items()]
    return {name: said for name, values in form.items() if (said := [v for v in values if v])}
