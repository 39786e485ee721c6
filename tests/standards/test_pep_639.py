"""PEP 639, License Clarity, and PEP 685, Comparison of extra names: as far as uploads tell."""

import pytest

from tests.packages import wheel
from tests.standards.offers import Offers
from tests.web.forms import upload

EXPRESSION = "MIT AND (Apache-2.0 OR BSD-2-Clause)"


def test_license_fields_are_kept(offers: Offers) -> None:
    """Metadata 2.4 has License-Expression and License-File, whose files lie in
    `.dist-info/licenses/`: a wheel with both is offered, its metadata to the letter.
    """
    licence = f"{offers.name.replace('-', '_')}-1.0.dist-info/licenses/LICENSE"
    fields = [("License-Expression", EXPRESSION), ("License-File", "LICENSE")]
    built = offers.add(
        wheel(offers.name, "1.0", fields=fields, files={licence: b"Do what you want.\n"})
    )

    for link in offers.links():
        assert offers.server.get(f"{link}.metadata").body == built.metadata


def test_the_expression_is_read_first(hosted: Offers) -> None:
    """Tools that find License and License-Expression at the same time "MUST read the value of
    License-Expression and MUST disregard the value of the License field".
    """
    fields = [("License", "BSD, more or less"), ("License-Expression", EXPRESSION)]
    hosted.add(wheel(hosted.name, "1.0", fields=fields))
    page = hosted.server.get(f"/project/{hosted.name}/", {"Accept": "text/html"}).body.decode()

    assert EXPRESSION in page
    assert "more or less" not in page


@pytest.mark.parametrize("spelt", ["Dev.Test", "dev_test", "dev-test", "DEV--TEST"])
def test_pep_685_extras_are_compared_normalised(hosted: Offers, spelt: str) -> None:
    """PEP 685: "When comparing extra names, tools MUST normalize the names being compared": a form
    and a METADATA that spell one extra differently do not contradict each other.
    """
    built = wheel(
        hosted.name,
        "1.0",
        requires=['acme>=1; extra == "dev-test"', "other[dev-test]"],
        fields=[("Provides-Extra", "dev-test")],
    )
    said = [f'acme>=1; extra == "{spelt}"', f"other[{spelt}]"]
    changes = {"requires_dist": said, "provides_extra": [spelt]}
    reply = upload(hosted.server.url, built, hosted.token, changes=changes)

    assert reply.status == 200, reply.body
