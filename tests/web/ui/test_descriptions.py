import asyncio

import pytest

from cloche.web.ui.descriptions import MAX_SOURCE, Descriptions

pytestmark = pytest.mark.anyio

# Without bounds, the renderer is busy with this for minutes: longer by the square.
SLOW = '<pre lang="a"><code>x\n\n' * 40_000


@pytest.mark.parametrize(
    ("content_type", "source", "expected"),
    [
        ("text/markdown", "some *words*", "<em>words</em>"),
        ("Text/Markdown; charset=UTF-8; variant=GFM", "~~gone~~", "<del>gone</del>"),
        ("text/x-rst", "some *words*", "<em>words</em>"),
        (None, "some *words*", "<em>words</em>"),
        ("text/plain", "some *words* <b>", '<pre class="plain">some *words* &lt;b&gt;</pre>'),
        ("text/html", "<b>bold</b>", '<pre class="plain">&lt;b&gt;bold&lt;/b&gt;</pre>'),
    ],
)
async def test_a_description_is_rendered_by_its_type(
    content_type: str | None, source: str, expected: str
) -> None:
    """Markdown and reStructuredText become HTML; anything else is shown as written."""
    shown = await Descriptions().show(source, content_type)

    assert expected in shown.html
    assert shown.note == ""


async def test_what_cannot_be_rendered_is_shown_as_written() -> None:
    """A description with an error in it is readable still, and the page says why it looks so."""
    shown = await Descriptions().show("`unclosed <b>\n====\n\n.. nonsense::\n", "text/x-rst")

    assert shown.html.startswith('<pre class="plain">`unclosed &lt;b&gt;')
    assert "could not be rendered" in shown.note


async def test_files_of_the_server_cannot_be_included() -> None:
    """A description that includes a file shows nothing of that file."""
    shown = await Descriptions().show(".. include:: /etc/passwd\n", "text/x-rst")

    assert "root:" not in shown.html


async def test_a_description_beyond_the_bound_is_cut() -> None:
    """Of a very long description the first mebibyte is shown, as written."""
    shown = await Descriptions().show("a" * (MAX_SOURCE + 5), "text/markdown")

    assert shown.html == f'<pre class="plain">{"a" * MAX_SOURCE}</pre>'
    assert "too long" in shown.note


async def test_a_slow_description_is_given_up_and_stalls_nobody() -> None:
    """While one description keeps its renderer busy, other work goes on; then it is stopped."""
    loop = asyncio.get_running_loop()
    showing = asyncio.create_task(Descriptions(deadline=2).show(SLOW, "text/markdown"))
    longest, before = 0.0, loop.time()
    while not showing.done():
        await asyncio.sleep(0.01)
        longest, before = max(longest, loop.time() - before), loop.time()

    assert "could not be rendered" in (await showing).note
    assert longest < 1.9


async def test_giving_up_is_remembered() -> None:
    """A description that took too long once does not take as long again."""
    descriptions = Descriptions(deadline=1)
    await descriptions.show(SLOW, "text/markdown")

    async with asyncio.timeout(0.9):
        shown = await descriptions.show(SLOW, "text/markdown")

    assert "could not be rendered" in shown.note


async def test_those_in_the_queue_do_not_wait_for_ever() -> None:
    """Behind a slow description, a page comes without a rendered one after the patience given."""
    descriptions = Descriptions(deadline=30, patience=0.3)
    shown = await asyncio.gather(
        descriptions.show(SLOW, "text/markdown"), descriptions.show("*a*", "text/markdown")
    )

    assert ["could not be rendered" in each.note for each in shown] == [True, True]
    assert "<em>a</em>" in (await Descriptions().show("*a*", "text/markdown")).html


async def test_a_description_is_rendered_once() -> None:
    """The second time, the very same HTML is shown."""
    descriptions = Descriptions()
    first, *others = await asyncio.gather(
        *(descriptions.show("some *words*", "text/markdown") for _ in range(5))
    )

    assert all(each.html is first.html for each in others)


async def test_what_is_remembered_is_bounded() -> None:
    """The least recently shown description is forgotten when there is no room for more."""
    descriptions = Descriptions(max_kept=1000)
    first = await descriptions.show("*first*" + "a" * 500, "text/markdown")
    await descriptions.show("*second*" + "b" * 500, "text/markdown")

    again = await descriptions.show("*first*" + "a" * 500, "text/markdown")

    assert again == first
    assert again.html is not first.html
