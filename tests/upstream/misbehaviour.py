"""What every misbehaviour is: parameters, and the spoiling of a page, a resource or an answer."""

from msgspec import Struct

from tests.upstream.answers import Answer, Page, Resource


class Misbehaviour(Struct, kw_only=True, tag=True, tag_field="kind"):
    """One way of being a bad upstream, for the first `times` requests or for all of them.

    Each kind overrides one of the three methods; the other two leave things as they are.
    """

    times: int | None = None

    def page(self, page: Page) -> None:
        """Spoil the page before it is rendered."""

    def resource(self, resource: Resource) -> None:
        """Spoil what lies at the URL, before ranges and conditions are looked at."""

    def answer(self, answer: Answer) -> None:
        """Spoil the response or its delivery."""
