from __future__ import annotations

from cnncompress.cli.lines import sizes, skipped


def test_sizes_say_how_they_compare() -> None:
    assert sizes(1000, 50, "compress") == "1.0 kB -> 50 B (5.0 %)"
    assert sizes(1000, 1000, "compress") == "1.0 kB -> 1.0 kB (100.0 %)"
    assert sizes(1000, 1545, "compress") == "1.0 kB -> 1.5 kB (54.5 % larger)"
    assert sizes(1000, 23_850, "compress") == "1.0 kB -> 23.9 kB (23.9 times the size)"
    assert sizes(1000, 23_850, "decompress") == "1.0 kB -> 23.9 kB"
    assert sizes(0, 20, "compress") == "0 B -> 20 B"


def test_only_the_most_frequent_endings_are_listed() -> None:
    names = [f"{number}.{letter}" for letter in "abcdefghij" for number in range(2)] + ["x.a", "https://host/y.a?key=1"]
    line = skipped(names, "tar")
    assert line.startswith("skipped 22 files that are not tar archives: 4 .a, 2 .b, ")
    assert line.endswith("2 .h, 4 others")
