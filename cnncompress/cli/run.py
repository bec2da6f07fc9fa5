"""Runs the batches of `compress`, `decompress` and `test`, and sets the exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING

import click

from cnncompress.batch.jobs import Job, WorkSettings
from cnncompress.batch.plan import Plan, make_plan
from cnncompress.batch.request import Request
from cnncompress.batch.resources import CPU, Share, memory_errors, share_out
from cnncompress.cli.exit_codes import exit_code_of
from cnncompress.cli.options.messages import MessageOptions
from cnncompress.cli.options.running import RunOptions, named_weights
from cnncompress.cli.reporting import Reporter, json_log
from cnncompress.cli.signals import StopRequest, stop_request
from cnncompress.cli.terminal import status
from cnncompress.codec.progress import Progress, unwatched
from cnncompress.codec.targets import TargetBpp, TargetSize
from cnncompress.engines.choice import resolved_device
from cnncompress.files.kinds import STANDARD_STREAM
from cnncompress.model.manifest import find_weights

if TYPE_CHECKING:
    from cnncompress.batch.pool import Slot
    from cnncompress.batch.schedule import Schedule


def run(
    request: Request, settings: WorkSettings, run_options: RunOptions, messages: MessageOptions, *, dry: bool
) -> None:
    """Plans, runs and reports a batch.

    Args:
        request: The files.
        settings: How every file is processed.
        run_options: Model, devices and threads.
        messages: What to report.
        dry: Whether to report the plan only.

    Raises:
        click.exceptions.Exit: A file failed, or a signal ended the run.
        CnncompressError: No file can be processed, or an output or the log is a file that the command reads.
    """
    run_options.check((*request.inputs.paths, request.outputs.file or ""))
    request = replace(request, also_read=(*request.also_read, *named_weights(run_options.model)))
    with status(shown=messages.shows_progress) as show:
        plan = make_plan(request, lambda step, files: show(f"planning: {files:,} {step}"))
    guessed = settings.encode.coding == "auto" and not isinstance(settings.quality, (TargetBpp, TargetSize))
    files = chain(plan.files(), request.also_read)
    with json_log(messages.log_path(request.shard), files, request.outputs.existing) as log:
        reporter = Reporter(messages, request.operation, plan, log, guessed=guessed and request.operation == "compress")
        for result in plan.settled:
            reporter.add(result)
        if dry:
            from cnncompress.batch.estimate import estimate

            typical = find_weights(run_options.model).typical
            for job in plan.jobs:
                reporter.add(estimate(job, settings, typical))
            code = 0
        elif plan.jobs:
            code = _work(plan, settings, run_options, reporter)
        else:
            code = 0
        code = code or reporter.totals.exit_code
        reporter.finish(len(plan.jobs) + len(plan.settled) - reporter.totals.files, code)
    if code:
        raise click.exceptions.Exit(code)


def _work(plan: Plan, settings: WorkSettings, options: RunOptions, reporter: Reporter) -> int:
    """Runs the jobs and returns the exit code of the signal that ended them early; 0 without a signal."""
    learned = _needs_encoder(plan, settings)
    if learned or (options.model is not None and settings.encode.may_need_model):
        find_weights(options.model)  # before the work begins
    if len(plan.jobs) == 1 and options.ray is None:
        return _do_one(plan.jobs[0], settings, options, reporter)
    return _do_all(plan.jobs, settings, options, reporter, load=learned)


def _do_one(job: Job, settings: WorkSettings, options: RunOptions, reporter: Reporter) -> int:
    share = share_out(options.device[:1], 1, jobs=1, threads=options.threads)
    with (
        _interruption_told(job, reporter),
        reporter.image_progress(effort=settings.encode.effort) as progress,
        _slots(share, settings, options, progress) as slots,
        # With effort the best result so far is written. Without, a signal ends the work at once, and nothing is.
        stop_request(slots[0].stop_soon) if settings.encode.effort else nullcontext(StopRequest()) as stop,
    ):
        (result,) = slots[0].run((job,))
    reporter.add(result)
    return stop.exit_code


def _do_all(jobs: Sequence[Job], settings: WorkSettings, options: RunOptions, reporter: Reporter, *, load: bool) -> int:
    from cnncompress.batch.schedule import Schedule  # imports Pillow and NumPy

    with stop_request() as stop, ExitStack() as opened:
        with reporter.loading(options.model) if load else nullcontext():
            slots = opened.enter_context(_many_slots(jobs, settings, options, reporter.tell, load=load))
        reporter.begin()
        schedule = Schedule(jobs, slots, lambda: stop.number is not None, reporter.finishing, reporter.started)
        with _at_once_if_need_be(schedule):
            for result in schedule.results():
                reporter.add(result)
        return stop.exit_code


def _many_slots(
    jobs: Sequence[Job], settings: WorkSettings, options: RunOptions, tell: Callable[[str], None], *, load: bool
) -> AbstractContextManager[Sequence[Slot]]:
    files = len(jobs)
    if options.ray is None:
        devices = _resolved(options) if settings.encode.may_need_model else (CPU,)
        batches = settings.in_one_pass and all(job.tar is None for job in jobs)
        share = share_out(devices, files, jobs=options.jobs, threads=options.threads, batches=batches)
        return _slots(share, settings, options, load=load)
    from cnncompress.batch.ray_cluster import RayRun
    from cnncompress.batch.ray_slots import ray_slots

    cluster = RayRun(options.ray, options.device[0], options.jobs, options.threads)
    return ray_slots(cluster, settings, options.model_settings, files, load=load, tell=tell)


def _slots(
    share: Share, settings: WorkSettings, options: RunOptions, progress: Progress = unwatched, *, load: bool = False
) -> AbstractContextManager[Sequence[Slot]]:
    from cnncompress.batch.pool import thread_slots
    from cnncompress.batch.process_slots import process_slots

    models = [replace(options.model_settings, device=device, threads=share.threads) for device in share.devices]
    if share.here:
        return thread_slots(settings, models[0], share.slots, load=load, at_once=share.at_once, progress=progress)
    return process_slots(settings, models, share.slots, load=load, at_once=share.at_once)


@contextmanager
def _interruption_told(job: Job, reporter: Reporter) -> Iterator[None]:
    """Reports that a signal has ended the work on a single file."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        reporter.interrupted(wrote_nothing=job.output not in ("", STANDARD_STREAM))
        raise


@contextmanager
def _at_once_if_need_be(schedule: Schedule) -> Iterator[None]:
    """Ends the process on a second signal or a closed output, without waiting for its threads."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit, BrokenPipeError) as error:
        schedule.abandon()
        # Not by the interpreter's normal exit, in which threads inside torch would crash.
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        os._exit(exit_code_of(error))


def _needs_encoder(plan: Plan, settings: WorkSettings) -> bool:
    return settings.encode.may_need_model and any(job.action == "compress" for job in plan.jobs)


def _resolved(options: RunOptions) -> tuple[str, ...]:
    with memory_errors("PyTorch"):
        return tuple(resolved_device(options.engine, name, options.precision) for name in options.device)
