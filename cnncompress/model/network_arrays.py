"""Names and shapes of the arrays of the float networks, as a weights file holds them.

The names are those of the torch modules that are trained (`cnncompress.nn`), whose layers are numbered where they stand
in a sequence; the dataclasses here give the numbered ones their meaning.
"""

from __future__ import annotations

from dataclasses import dataclass

from cnncompress.entropy.parts import PARTS_OF_STEP, STEPS
from cnncompress.model.config import PATCH, ModelConfig

PATCH_VALUES = 3 * PATCH * PATCH


@dataclass(frozen=True)
class TransformNames:
    """Names in the analysis or the synthesis transform, in the order of its layers.

    Attributes:
        klt: Matrix of the linear path.
        klt_std: Standard deviations of its coefficients.
        stem: First convolution.
        quality: Vectors by quality that are added to its result.
        first_blocks: Residual blocks after it.
        resampling: Pointwise convolution beside which the grid becomes coarser or finer.
        last_blocks: Residual blocks after that.
        head: Last convolution.
    """

    klt: str
    klt_std: str
    stem: str
    quality: str
    first_blocks: tuple[str, ...]
    resampling: str
    last_blocks: tuple[str, ...]
    head: str


def analysis_names(config: ModelConfig) -> TransformNames:
    """Names in the analysis transform, whose body is blocks, unshuffle, pointwise, blocks, activation, head."""
    return _transform_names("g_a", "g_a.stem.1", config.blocks_8, config.blocks_16, 1)


def synthesis_names(config: ModelConfig) -> TransformNames:
    """Names in the synthesis transform, whose body is blocks, pointwise, shuffle, blocks, activation, head, shuffle."""
    return _transform_names("g_s", "g_s.stem", config.blocks_16, config.blocks_8, 0)


def _transform_names(transform: str, stem: str, first: int, last: int, unshuffles: int) -> TransformNames:
    after = first + 2  # the pointwise convolution and the shuffle
    return TransformNames(
        f"{transform}.klt",
        f"{transform}.klt_std",
        stem,
        f"{transform}.quality",
        tuple(f"{transform}.body.{index}" for index in range(first)),
        f"{transform}.body.{first + unshuffles}",
        tuple(f"{transform}.body.{after + index}" for index in range(last)),
        f"{transform}.body.{after + last + 1}",
    )


@dataclass(frozen=True)
class RestorationNames:
    """Names in the restoration filter, in the order of its layers.

    Attributes:
        stem: First convolution.
        quality: Vectors by quality that are added to its result.
        layers: Convolutions of the residual layers.
        head: Last convolution.
    """

    stem: str
    quality: str
    layers: tuple[str, ...]
    head: str


def restoration_names(config: ModelConfig) -> RestorationNames:
    """Names in the restoration filter, whose body is activation, residual layers, head."""
    body = "g_s.restoration.body"
    layers = tuple(f"{body}.{1 + index}.conv" for index in range(config.blocks_1))
    return RestorationNames("g_s.restoration.stem", "g_s.restoration.quality", layers, f"{body}.{1 + config.blocks_1}")


def network_shapes(config: ModelConfig) -> dict[str, tuple[int, ...]]:
    """Shapes of all arrays of the float networks, by name."""
    latent, features, hyper = config.latent_channels, config.hyper_features, config.hyper_width
    analysis, synthesis, restoration = analysis_names(config), synthesis_names(config), restoration_names(config)
    layers = {
        analysis.stem: (config.width_8, 192, 3),
        analysis.resampling: (config.width_16, 4 * config.width_8, 1),
        analysis.head: (latent, config.width_16, 3),
        synthesis.stem: (config.width_16, latent, 3),
        synthesis.resampling: (4 * config.width_8, config.width_16, 1),
        synthesis.head: (192, config.width_8, 3),
        restoration.stem: (config.width_1, 3, 3),
        restoration.head: (3, config.width_1, 3),
        "h_a.stem.1": (hyper, 4 * latent, 1),
        "h_a.body.1": (hyper, hyper, 3),
        "h_a.head": (config.hyper_channels, 4 * hyper, 1),
        "h_s.stem": (hyper, config.hyper_channels, 3),
        "h_s.body.1": (4 * features, hyper, 1),
        "quantisation.head": (4 * PARTS_OF_STEP, features, 1),
    }
    layers |= dict.fromkeys(restoration.layers, (config.width_1, config.width_1, 3))
    for names, width in (
        (analysis.first_blocks + synthesis.last_blocks, config.width_8),
        (analysis.last_blocks + synthesis.first_blocks, config.width_16),
    ):
        layers |= {f"{name}.{layer}": (width, width, 3) for name in names for layer in ("conv1", "conv2")}
    for step in range(STEPS):
        width = config.context_width
        layers[f"context.{step}.stem"] = (width, features + step * latent, 1)
        layers[f"context.{step}.body.1"] = (width, width, 3)
        layers[f"context.{step}.body.3"] = (width, width, 1)
        layers[f"context.{step}.head"] = (latent, width, 1)
    tables = {
        analysis.quality: config.width_8,
        synthesis.quality: config.width_16,
        restoration.quality: config.width_1,
        "h_a.quality": hyper,
        "h_s.quality": hyper,
        **{f"context.{step}.quality": config.context_width for step in range(STEPS)},
        "log_gain": latent,
        "log_inverse_gain": latent,
    }
    shapes: dict[str, tuple[int, ...]] = {
        analysis.klt: (latent, PATCH_VALUES),
        synthesis.klt: (PATCH_VALUES, latent),
        analysis.klt_std: (latent,),
        synthesis.klt_std: (latent,),
    }
    for name, (outputs, inputs, kernel) in layers.items():
        shapes[f"{name}.weight"] = (outputs, inputs, kernel, kernel)
        shapes[f"{name}.bias"] = (outputs,)
    return shapes | {f"{name}.table": (config.anchors, size) for name, size in tables.items()}
