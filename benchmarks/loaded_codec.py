"""A process that loads a codec once and codes an image when it is told to: ``python loaded_codec.py IMAGE QUALITY``.

For each line on standard input, ``compress`` or ``decompress``, it does that twice and prints the seconds of the second
time: during the first, idle threads of other processes go to sleep. It uses only what every version of the package has.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from PIL import Image

from cnncompress import Codec


def main() -> None:
    """Loads model and image, codes it once in both directions, says ``ready``, and follows the lines."""
    path, quality, *model = sys.argv[1:]
    codec = Codec(model[0] if model else None, "cpu")
    with Image.open(path) as file:
        image = file.convert("RGB")
    data = codec.compress(image, float(quality))
    codec.decompress(data)
    work: dict[str, Callable[[], object]] = {
        "compress": lambda: codec.compress(image, float(quality)),
        "decompress": lambda: codec.decompress(data),
    }
    print("ready", flush=True)
    for line in sys.stdin:
        code = work[line.strip()]
        code()
        start = time.perf_counter()
        code()
        print(time.perf_counter() - start, flush=True)


if __name__ == "__main__":
    main()
