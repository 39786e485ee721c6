import gzip
import zlib

from hypothesis import given
from hypothesis import strategies as st

from cloche.core.gzips import joined, part, text

texts = st.lists(st.binary(max_size=300) | st.builds(bytes, st.integers(0, 70_000)), max_size=6)


@given(texts)
def test_parts_join_to_one_member(said: list[bytes]) -> None:
    """Joined parts are one gzip member, check sum and all, of their texts in that order."""
    packed = joined(part(each) for each in said)
    reader = zlib.decompressobj(zlib.MAX_WBITS | 16)

    assert reader.decompress(packed) == b"".join(said)
    assert reader.eof
    assert reader.unused_data == b""


@given(texts)
def test_any_change_is_noticed(said: list[bytes]) -> None:
    """The trailer is that of the whole, as Python's own gzip writes it."""
    whole = b"".join(said)

    assert joined(part(each) for each in said)[-8:] == gzip.compress(whole, mtime=0)[-8:]


@given(st.binary(max_size=2000))
def test_a_part_gives_its_text_back(said: bytes) -> None:
    """What was compressed can be read out of its part alone."""
    assert text(part(said)) == said
