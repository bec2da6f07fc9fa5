"""click parameter types of names that a shell can complete: files, folders and models."""

from __future__ import annotations

import click
from click.shell_completion import CompletionItem

from cnncompress.errors import InvalidModel
from cnncompress.model.manifest import read_manifest


class FileName(click.types.StringParamType):
    """Path of a file, a URL, or ``-``; nothing is checked here."""

    name = "file"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Leaves it to the shell to complete the names of files."""
        return [CompletionItem(incomplete, type="file")]


class FolderName(click.types.StringParamType):
    """Path or URL of a folder; nothing is checked here."""

    name = "folder"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Leaves it to the shell to complete the names of folders."""
        return [CompletionItem(incomplete, type="dir")]


class ModelName(click.types.StringParamType):
    """Name of an installed model, or path of a weights file."""

    name = "model"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Returns the installed models that fit; if none does, the shell completes the names of files."""
        try:
            names = [entry.name for entry in read_manifest().entries]
        except InvalidModel:
            names = []
        fitting = [CompletionItem(name) for name in names if name.startswith(incomplete)]
        return fitting or [CompletionItem(incomplete, type="file")]
