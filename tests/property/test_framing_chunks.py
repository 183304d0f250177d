"""However a stream is cut into chunks, the same frames come out."""

from itertools import pairwise

from hypothesis import given, settings, strategies as st

from node.wire.framing import FrameDecoder, frame

LIMIT = 300
payloads = st.lists(st.binary(max_size=LIMIT), max_size=8)


@settings(max_examples=60, deadline=None)
@given(
    payloads=payloads,
    cuts=st.lists(st.integers(0, 9 * LIMIT), max_size=20),
    trailing=st.binary(max_size=3),
)
def test_frames_do_not_depend_on_chunks(
    payloads: list[bytes], cuts: list[int], trailing: bytes
) -> None:
    stream = b"".join(frame(payload, LIMIT) for payload in payloads) + trailing
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    decoder = FrameDecoder(LIMIT)
    seen = []
    for start, end in pairwise(edges):
        decoder.receive_data(stream[start:end])
        while (payload := decoder.next_frame()) is not None:
            seen.append(payload)
    assert seen == payloads
    assert decoder.incomplete_bytes == len(trailing)
