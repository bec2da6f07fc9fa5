"""Speed and memory of cnncompress: ``python benchmarks files|batches|scale|large|effort|versions``."""

from __future__ import annotations

import click
from commands import batches, effort, files, large, scale, versions


@click.group(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
def main() -> None:
    """Measure many files, large images, and what effort buys; ``cnncompress bench`` measures a single image."""


for module in (files, batches, scale, large, effort, versions):
    main.add_command(module.command)


if __name__ == "__main__":
    main()
