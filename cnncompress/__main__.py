"""``python -m cnncompress`` is the command ``cnncompress``."""

from cnncompress.cli.main import main

if __name__ == "__main__":
    main()
