"""Makes hostile inputs from valid ones: flips, cuts and repeats bytes, and inserts texts that often break parsers."""

import random
import re
from collections.abc import Sequence

LONG = 100_000  # bytes of the longest field

# control characters, quotes, zeros, invalid UTF-8, halves of characters, numbers beyond every type, texts beyond every limit
NASTY = (
    b'', b'\0', b'\r', b'\t', b'\x1b[2J', b'\x7f', b'\x85', b'\x1c', b'"', b"'", b'\\', b'\\"', b'`', b'[', b']', b'}',
    b',', b';', b'--', b'/*', b'\xff', b'\xfe\xff', b'\xc0\x80', b'\xed\xa0\x80', b'\xf4\x90\x80\x80', b'\\ud800',
    b'\\udc00\\ud800', b'\\u0000', '\u2028'.encode(), '\u202e'.encode(), '\ufeff'.encode(), '\U0010ffff'.encode(),
    '٣'.encode(), 'İ'.encode(), 'ß'.encode() * 300, b'%00', b'%ff', b'%', b'$(id)', b'%s%n', b'../' * 20, b'<script>',
    b"' OR 1=1 --", b'-', b'*', b'null', b'true', b'NaN', b'-0', b'-1', b'1e999', b'-1e-999', b'0.1', b'65536',
    b'4294967296', b'9223372036854775808', b'18446744073709551616', b'9' * 400, b'9' * 5_000, b'2026-02-30',
    b'0001-01-01T00:00:00+23:59', b'9999-12-31T23:59:60Z', b'[29/Feb/2023:24:61:61', b'+9999]', b'[' * 2_000,
    b'{"a":' * 2_000, b'(' * 500, b'::1', b'::ffff:1.2.3.4', b'fe80::1%eth0', b'1.2.3', b'999.1.1.1', b'localhost',
)  # fmt: skip
TOKEN = re.compile(rb'[\w.:+-]+')


class Mutator:
    """Makes random changes. The same state of `dice` gives the same changes."""

    def __init__(self, dice: random.Random) -> None:
        self.dice = dice

    def __call__(self, corpus: Sequence[bytes]) -> bytes:
        """Returns one of the valid inputs, changed up to four times."""
        text = self.dice.choice(corpus)
        for _ in range(min(int(self.dice.expovariate(0.7)), 4)):
            text = self._changed(text, corpus)
        return text

    def _changed(self, text: bytes, corpus: Sequence[bytes]) -> bytes:
        dice = self.dice
        start = dice.randrange(len(text) + 1)
        end = min(len(text), start + int(dice.expovariate(0.1)))
        match dice.randrange(9):
            case 0 if start < len(text):  # one bit
                return text[:start] + bytes([text[start] ^ 1 << dice.randrange(8)]) + text[start + 1 :]
            case 1:  # a cut
                return text[:start]
            case 2:  # a gap
                return text[:start] + text[end:]
            case 3:  # a repetition
                return text[:end] + text[start:end] * dice.choice((1, 1, 2, 50)) + text[end:]
            case 4:  # the head of one input, the tail of another
                other = dice.choice(corpus)
                return text[:start] + other[dice.randrange(len(other) + 1) :]
            case 5:  # a repetition, sometimes very long
                return (
                    text[:start] + (text[start:end] or b'A') * dice.choice((1, 1, 1, 1, 1, 1, 1, 1, 1, LONG // 10)) + text[start:]
                )
            case 6 | 7 if words := TOKEN.search(text, start):  # a replaced field
                return text[: words.start()] + self.nasty() + text[words.end() :]
            case _:
                return text[:start] + self.nasty() + text[start:]

    def nasty(self) -> bytes:
        """Returns a text that often breaks parsers, or random bytes."""
        return self.dice.choice(NASTY) if self.dice.random() < 0.9 else self.dice.randbytes(self.dice.randrange(12))
