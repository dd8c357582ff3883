"""Reading answers of HTTP/1.1, whole or in pieces, good or not."""

import pytest

from casework.adapters.lines import LONGEST_ANSWER, Answer, Unanswered, answer_in

OK = b"HTTP/1.1 200 OK\r\n"
WHOLE: dict[str, tuple[bytes, Answer]] = {
    "no body": (OK + b"Content-Length: 0\r\n\r\n", Answer(200, 38, keeps=True)),
    "no length": (OK + b"\r\n", Answer(200, 19, keeps=True)),
    "a body": (OK + b"content-length: 3\r\n\r\nabc", Answer(200, 41, keeps=True)),
    "no reason": (b"HTTP/1.1 410\r\nContent-Length:0\r\n\r\n", Answer(410, 34, keeps=True)),
    "an end": (b"HTTP/1.1 500 Oh\r\nConnection: Close\r\n\r\n", Answer(500, 38, keeps=False)),
    "an old one": (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", Answer(200, 38, keeps=False)),
    "chunks": (
        OK + b"Transfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\nA\r\n0123456789\r\n0\r\n\r\n", Answer(200, 81, keeps=True)
    ),
    "no chunk": (OK + b"transfer-encoding: Chunked\r\n\r\n0\r\n\r\n", Answer(200, 52, keeps=True)),
}  # fmt: skip
NONE: dict[str, bytes] = {
    "another protocol": b"SSH-2.0-OpenSSH\r\n\r\n",
    "no status": b"HTTP/1.1\r\n\r\n",
    "a status that is no number": b"HTTP/1.1 OK 200\r\n\r\n",
    "a length that is no number": OK + b"Content-Length: -1\r\n\r\n",
    "a chunk of no length": OK + b"Transfer-Encoding: chunked\r\n\r\nx\r\n",
    "too much": b"x" * (LONGEST_ANSWER + 1),
}


@pytest.mark.parametrize("name", WHOLE)
def test_an_answer_is_read_when_it_is_whole(name: str) -> None:
    data, wanted = WHOLE[name]
    assert wanted.length == len(data)
    assert answer_in(data) == wanted
    assert answer_in(data + b"HTTP/1.1 500") == wanted, "what follows is another's"
    for length in range(len(data)):
        found = answer_in(data[:length])
        assert found is None, length


@pytest.mark.parametrize("name", NONE)
def test_what_is_no_answer_is_told(name: str) -> None:
    with pytest.raises(Unanswered):
        answer_in(NONE[name])
