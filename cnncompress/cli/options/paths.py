"""Options for files: inputs, outputs, and the policy for existing outputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import click

from cnncompress.batch.inputs import read_list
from cnncompress.batch.jobs import WorkSettings
from cnncompress.batch.request import Existing, Inputs, Operation, Outputs, Request, Shard
from cnncompress.cli.exit_codes import working_on
from cnncompress.cli.options.arguments import OutputNames, check_standard_streams, is_folder, split_output
from cnncompress.cli.options.completing import FileName, FolderName
from cnncompress.cli.options.groups import option_group, refuse_together, refuse_without, section
from cnncompress.cli.options.types import ShardChoice
from cnncompress.codec.model_settings import ModelSettings
from cnncompress.files.kinds import STANDARD_STREAM
from cnncompress.remote import is_url

_option = section("Files")


@dataclass(frozen=True)
class FileOptions:
    """Values of the *Files* options."""

    output: str | None
    output_dir: str | None
    stdout: bool
    recursive: bool
    include: tuple[str, ...]
    exclude: tuple[str, ...]
    files_from: str | None
    null: bool
    root: str | None
    flat: bool
    copy_others: bool
    shard: Shard | None
    tar: bool
    force: bool
    skip_existing: bool
    newer: bool
    preserve: bool
    dry_run: bool

    def request(
        self,
        ctx: click.Context,
        operation: Operation,
        arguments: Sequence[str],
        *,
        ending: str | None = None,
        append_suffix: bool = False,
    ) -> Request:
        """Returns the request of the options and arguments.

        Args:
            ctx: Context of the command.
            operation: What is done with the files.
            arguments: Inputs, and possibly the output.
            ending: Ending of decompressed images, without the dot, if chosen.
            append_suffix: Whether ``.cnc`` is appended to the input's ending instead of replacing it.

        Raises:
            click.UsageError: Options cannot be combined, or a terminal or folder is given in place of a file.
            FileError: The second argument neither exists nor has the ending of an output; or the list of inputs cannot
                be read.
        """
        paths, target = split_output(
            arguments,
            OutputNames(operation, ending),
            output=self.output,
            stdout=self.stdout,
            folder=self.output_dir,
            listed=self.files_from is not None,
            recursive=self.recursive,
        )
        inputs = self._inputs(paths)
        if target is None and inputs.paths == (STANDARD_STREAM,) and self.output_dir is None:
            target = STANDARD_STREAM
        self._check(ctx, inputs, target)
        check_standard_streams(inputs.paths, target, force=self.force)
        outputs = Outputs(
            file=target,
            folder=_folder(self.output_dir),
            root=_folder(self.root),
            flat=self.flat,
            append_suffix=append_suffix,
            ending=ending,
            existing=self._existing(ctx),
            copy_others=self.copy_others,
        )
        listed_in = () if self.files_from in (None, STANDARD_STREAM) else (self.files_from,)
        return Request(operation, inputs, outputs, self.shard, also_read=listed_in)

    def with_tars(self, ctx: click.Context, request: Request, settings: WorkSettings, model: ModelSettings) -> Request:
        """Returns the same request, of tars if ``--tar`` is given.

        Args:
            ctx: Context of the command.
            request: The request of the options.
            settings: How every image is processed.
            model: The model, and how its networks are run.

        Raises:
            click.UsageError: Options cannot be combined with ``--tar``.
            ModelError: The model is unknown.
        """
        if not self.tar:
            return request
        for name in ("remove", "copy_others", "newer", "preserve"):
            refuse_together(ctx, ("tar", name))
        if self.output_dir is None:
            raise click.UsageError("--tar needs --output-dir.")
        from cnncompress.batch.tar_marker import tar_work

        work = tar_work(request.operation, settings, model, append_suffix=request.outputs.append_suffix)
        return replace(request, tar=work)

    def _inputs(self, paths: Sequence[str]) -> Inputs:
        if self.files_from is None:
            if self.null:
                raise click.UsageError("-0 needs --files-from.")
            if not paths:
                raise click.UsageError("Missing argument 'INPUT...'.")
            return Inputs(tuple(paths), self.recursive, self.include, self.exclude)
        if self.files_from == STANDARD_STREAM and STANDARD_STREAM in paths:
            raise click.UsageError("Standard input cannot be both an input and the list of inputs.")
        with working_on(self.files_from):
            listed = read_list(self.files_from, nul=self.null)
        return Inputs((*paths, *listed), self.recursive, self.include, self.exclude)

    def _check(self, ctx: click.Context, inputs: Inputs, target: str | None) -> None:
        if self.output_dir is None:
            refuse_without(ctx, ("root", "flat", "copy_others"), "--output-dir")
        refuse_together(ctx, ("flat", "root"))
        if STANDARD_STREAM in inputs.paths and (target is None or len(inputs.paths) > 1):
            raise click.UsageError("Standard input must be the only input; name its output with -o.")
        if self.shard is not None and (target is not None or STANDARD_STREAM in inputs.paths):
            raise click.UsageError("--shard does not work with a single output or standard input; use --output-dir.")
        if any(map(is_url, (*inputs.paths, target or "", self.output_dir or ""))):
            for name, given in (("--newer", self.newer), ("-p", self.preserve), ("--copy-others", self.copy_others)):
                if given:
                    raise click.UsageError(f"{name} does not work with URLs.")
        if target is not None and (len(inputs.paths) != 1 or is_folder(inputs.paths[0])):
            raise click.UsageError(
                "A single output needs a single input that is a file; use --output-dir for several inputs."
            )
        if (self.include or self.exclude) and not self.recursive:
            raise click.UsageError("--include and --exclude need -r.")

    def _existing(self, ctx: click.Context) -> Existing:
        refuse_together(ctx, ("force", "skip_existing", "newer"))
        if self.force:
            return Existing.REPLACE
        if self.skip_existing:
            return Existing.SKIP
        return Existing.UPDATE if self.newer else Existing.REFUSE


def _folder(name: str | None) -> Path | str | None:
    return name if name is None or is_url(name) else Path(name)


file_options = option_group(
    "files",
    FileOptions,
    _option("-o", "--output", metavar="FILE", type=FileName(), brief=True, help="Output file of a single input."),
    _option(
        "-d",
        "--output-dir",
        metavar="DIR",
        type=FolderName(),
        brief=True,
        help="Folder or URL of the outputs; created if missing.",
    ),
    _option("-c", "--stdout", is_flag=True, help="Write to standard output."),
    _option(
        "-r", "--recursive", is_flag=True, brief=True, help="Search folders; symbolic links in them are not followed."
    ),
    _option("--include", metavar="GLOB", multiple=True, help="With -r: only matching files; may be repeated."),
    _option(
        "--exclude", metavar="GLOB", multiple=True, help="With -r: no matching files and folders; may be repeated."
    ),
    _option(
        "--files-from",
        metavar="FILE",
        type=FileName(),
        help='Read the paths of inputs from FILE, one per line; "-" for standard input.',
    ),
    _option("-0", "--null", is_flag=True, help="With --files-from: paths end with NUL, as from find -print0."),
    _option("--root", metavar="DIR", type=FolderName(), help="With -d: keep the paths of the inputs relative to DIR."),
    _option("--flat", is_flag=True, help="With -d: write all outputs to the folder itself, without sub-folders."),
    _option("--copy-others", is_flag=True, help="With -d: copy all other files unchanged."),
    _option(
        "--shard",
        type=ShardChoice(),
        metavar="I/N|auto",
        help="Process share I of N, counted from 0; auto: read it from a Slurm array, AWS Batch or Kubernetes job.",
    ),
    _option(
        "--tar",
        is_flag=True,
        help="Inputs are tar archives: each becomes a tar in the folder -d; members that are not images are copied.",
    ),
    _option("-f", "--force", is_flag=True, brief=True, help="Replace outputs that exist; write to a terminal."),
    _option("--skip-existing", is_flag=True, brief=True, help="Skip inputs whose output exists."),
    _option("--newer", is_flag=True, help="Replace outputs that are older than their inputs, skip the others."),
    _option(
        "-p", "--preserve", is_flag=True, help="Give outputs the modification time and permissions of their inputs."
    ),
    _option(
        "-N",
        "--dry-run",
        is_flag=True,
        help="Show what would be done without doing it. Each file is opened and its header checked: format, size, "
        "limits and sample type; pixels are not decoded.",
    ),
)
