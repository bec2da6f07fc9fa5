"""Export of a checkpoint as a weights file, or as an installed model with its manifest entry."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cnncompress.codec.latents import LatentTransform
from cnncompress.engines.torch import TorchEngine
from cnncompress.entropy.scales import IntegerScales
from cnncompress.entropy.tables import MAX_RADIUS, build_tables
from cnncompress.errors import InvalidModel, OutputError
from cnncompress.files.kinds import reason
from cnncompress.files.outputs import write_output
from cnncompress.model.config import SCALE_LEVELS, ModelConfig
from cnncompress.model.manifest import (
    MANIFEST_NAME,
    SUFFIX,
    Entry,
    Manifest,
    TrainingRecord,
    read_manifest,
    write_manifest,
)
from cnncompress.model.weights import load_weights, save_weights
from cnncompress.nn.network import CodecNetwork
from cnncompress.nn.stored import arrays_of, round_to_stored
from cnncompress.training.checkpoint import Checkpoint
from cnncompress.training.complexity import Complexity, measure_complexity
from cnncompress.training.config import HYPERPRIOR
from cnncompress.training.data import middle
from cnncompress.training.hyperprior import HyperpriorModel
from cnncompress.training.objective import objective_named
from cnncompress.units import HIGHEST_QUALITY, Hundredths

COUNTED_QUALITIES = 16
COUNTED_IMAGES = 160
COUNTED_SIDE = 512
_AVERAGE_PREFIX = "module."


def averaged_model(checkpoint: Checkpoint) -> HyperpriorModel:
    """Returns the averaged weights of a run, as a model on the CPU.

    Raises:
        InvalidModel: The run trained another network than the codec's.
    """
    if checkpoint.config.network != HYPERPRIOR:
        raise InvalidModel(f"a {checkpoint.config.network} network was trained, which the codec does not run")
    model = HyperpriorModel(checkpoint.config.model)
    state = checkpoint.average.items()
    model.load_state_dict(
        {key.removeprefix(_AVERAGE_PREFIX): value for key, value in state if key.startswith(_AVERAGE_PREFIX)}
    )
    return model


def check_finite(network: torch.nn.Module) -> None:
    """Raises `InvalidModel` if a parameter or buffer is infinite or not a number."""
    for key, tensor in network.state_dict().items():
        if not torch.isfinite(tensor).all():
            raise InvalidModel(f"{key} is not finite")


def integer_scales(model: HyperpriorModel) -> IntegerScales:
    """Returns the integer twins of a model's scale networks.

    Raises:
        InvalidModel: The bounds that make them exact do not hold, or a parameter is not finite.
    """
    check_finite(model.scales)
    return model.scales.to_integers()


def counting_images(images: Sequence[Tensor], count: int = COUNTED_IMAGES) -> list[Tensor]:
    """Chooses the images on which the probability tables are counted, the same at every call.

    Args:
        images: Training images, uint8 ``[3, H, W]`` each.
        count: How many to choose.

    Returns:
        So many, evenly chosen, or each of fewer as often as it takes; large ones cut to their middle 512x512.
    """
    total = len(images)
    step = max(1.0, total / count)
    # Qualities follow the order, so every round begins elsewhere: an image shall not meet the same quality again.
    places = [(place % total + place // total) % total for place in (int(i * step) for i in range(count))]
    return [middle(images[place], COUNTED_SIDE) for place in places]


def count_symbols(transform: LatentTransform, images: Iterable[Tensor]) -> NDArray[np.int64]:
    """Counts the symbols that a model makes of images, by scale level.

    Args:
        transform: The networks as they will be shipped.
        images: uint8 ``[3, H, W]`` each; the qualities are spread evenly over them.

    Returns:
        int64 ``[64, 4095]``, as `build_tables` takes them.
    """
    counts = np.zeros((SCALE_LEVELS, 2 * MAX_RADIUS + 1), dtype=np.int64)
    for index, image in enumerate(images):
        quality = Hundredths(index % COUNTED_QUALITIES * HIGHEST_QUALITY // (COUNTED_QUALITIES - 1))
        latents = transform.encode(image.permute(1, 2, 0).numpy(), quality)
        for symbols, levels in ((latents.y, latents.y_levels), (latents.z, latents.z_levels)):
            column = np.clip(symbols, -MAX_RADIUS, MAX_RADIUS) + MAX_RADIUS
            cell = levels.astype(np.int64) * counts.shape[1] + column
            counts += np.bincount(cell.ravel(), minlength=counts.size).reshape(counts.shape)
    return counts


@dataclass(frozen=True)
class ExportedWeights:
    """A weights file that was written.

    Attributes:
        sha256: Hash of the file, in hexadecimal; the first 8 digits are the fingerprint in every .cnc file.
        complexity: What the model costs.
    """

    sha256: str
    complexity: Complexity


def export_weights(
    checkpoint: Checkpoint, images: Iterable[Tensor], path: Path, *, force: bool = False
) -> ExportedWeights:
    """Writes one weights file, which ``--model`` and `cnncompress.Codec` take by its path.

    The file is loaded once before it gets its name, so that it appears whole and usable or not at all.

    Args:
        checkpoint: State of a run.
        images: From `counting_images`.
        path: Safetensors file to write.
        force: Whether an existing file may be replaced.

    Raises:
        InvalidModel: The integer network would not be exact, or a weight is not finite.
        OutputError: The file cannot be written, or is there already and may not be replaced.
    """
    share = objective_named(checkpoint.config.objective).similarity_share
    return write_model(averaged_model(checkpoint), images, path, similarity_share=share, force=force)


def write_model(
    model: HyperpriorModel, images: Iterable[Tensor], path: Path, *, similarity_share: float = 0.0, force: bool = False
) -> ExportedWeights:
    """Writes the weights file of a model, whose float weights become those that are stored.

    Arguments, result and errors are those of `export_weights`; the similarity's share is that of `Weights`.
    """
    scales = integer_scales(model)
    network: CodecNetwork = model.network
    round_to_stored(network)
    check_finite(network)  # after rounding: float16 ends at 65504
    tables = build_tables(count_symbols(LatentTransform(TorchEngine(network, torch.device("cpu")), scales), images))
    try:
        with tempfile.TemporaryDirectory() as folder:
            draft = Path(folder) / path.name
            sha256 = save_weights(draft, network.config, arrays_of(network), scales, tables, similarity_share)
            load_weights(draft)
            path.parent.mkdir(parents=True, exist_ok=True)
            write_output(str(path.absolute()), draft.read_bytes(), force=force)
    except OSError as error:
        raise OutputError(reason(error)) from error
    return ExportedWeights(sha256, measure_complexity(network, scales))


def export(
    checkpoint: Checkpoint,
    name: str,
    images: Iterable[Tensor],
    directory: Path,
    *,
    licence: str,
    data_sources: list[str],
) -> Entry:
    """Writes ``NAME.safetensors``, in place of an older one, and its manifest entry.

    Args:
        checkpoint: State of a run.
        name: What the model will be called.
        images: From `counting_images`.
        directory: Folder of the manifest; made if it is missing.
        licence: Licence of the weights.
        data_sources: Where the training images came from, with their licences.

    Returns:
        The manifest entry.

    Raises:
        InvalidModel: The integer network would not be exact, or a weight is not finite.
        OutputError: The file cannot be written.
    """
    record = _training_record(checkpoint)  # before the weights are written, which may themselves be in the checkout
    path = directory / f"{name}{SUFFIX}"
    exported = export_weights(checkpoint, images, path, force=True)
    entry = Entry(
        name=name,
        file=path.name,
        sha256=exported.sha256,
        licence=licence,
        parameters=exported.complexity.parameters,
        encode_kmac_per_pixel=round(exported.complexity.encode_kmac_per_pixel, 2),
        decode_kmac_per_pixel=round(exported.complexity.decode_kmac_per_pixel, 2),
        config=_plain(checkpoint.config.model),
        training=record,
        data_sources=data_sources,
    )
    _update_manifest(directory, entry)
    return entry


def _plain(config: ModelConfig) -> dict[str, Any]:
    return {**asdict(config), "lambdas": [float(f"{value:.6g}") for value in config.lambdas]}


def _training_record(checkpoint: Checkpoint) -> TrainingRecord:
    config = asdict(checkpoint.config)
    del config["model"]
    config["phases"] = list(config["phases"])
    return TrainingRecord(
        minutes=round(checkpoint.seconds / 60, 1),
        steps=checkpoint.step,
        environment=checkpoint.environment,
        held_out=checkpoint.held_out,
        commit=_commit(),
        config=config,
    )


def _commit() -> str | None:
    """Returns the commit of the exporting program; None outside of a checkout."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def _update_manifest(directory: Path, entry: Entry) -> None:
    exists = (directory / MANIFEST_NAME).exists()
    manifest = read_manifest(directory) if exists else Manifest(directory, entry.name, ())
    others = tuple(other for other in manifest.entries if other.name != entry.name)
    write_manifest(replace(manifest, entries=(*others, entry)))
