"""What training on a GPU needs: a step that never waits for the device, and a model that compiles as a whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from training_runs import CPU, Images

from cnncompress.model.config import ModelConfig
from cnncompress.training.config import Phase, TrainConfig
from cnncompress.training.hyperprior import HyperpriorModel
from cnncompress.training.loop import Trainer
from cnncompress.training.step import choose_parameters, full_precision
from cnncompress.training.validation import QualityMeter

# What torch says of itself, of which nothing is wrong here: its compiler (2.11), its look-out for waiting, and TF32.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*Function'> should not be instantiated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Synchronization debug mode is a prototype:UserWarning"),
    pytest.mark.filterwarnings("ignore:TensorFloat32 tensor cores:UserWarning"),
]

PHASES = (
    Phase(0.4, crop=64, batch=2),
    Phase(0.3, crop=64, batch=3, simulate_integers=True),
    Phase(0.3, crop=64, batch=2, simulate_integers=True, synthesis_only=True),
)
LARGE = Phase(1.0, crop=256, batch=1)


class NoReading(TorchDispatchMode):
    """Fails where a result is read on the host, or its shape depends on one: on a GPU the host would wait there."""

    WAITING = frozenset(
        {"_local_scalar_dense", "is_nonzero", "nonzero", "masked_select", "equal", "_unique2", "unique_dim"}
    )

    def __init__(self) -> None:
        TorchDispatchMode.__init__(self)

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        name = func.overloadpacket.__name__
        assert name not in self.WAITING, f"{name} in a training step"
        if name in ("index", "index_put", "index_put_"):
            assert not any(index is not None and index.dtype == torch.bool for index in args[1]), f"mask in {name}"
        return func(*args, **(kwargs or {}))


def test_the_guard_notices() -> None:
    x = torch.tensor([1.0, 2.0])
    readings: list[Callable[[], object]] = [
        lambda: float(x[0]),
        lambda: bool(x[0] > 0),
        lambda: x.nonzero(),
        lambda: x[x > 1],
    ]
    for reading in readings:
        with pytest.raises(AssertionError, match=r"training step|mask"), NoReading():
            reading()


@pytest.mark.parametrize("phase", [*PHASES, LARGE])
def test_steps_read_nothing(
    phase: Phase, tiny_run: TrainConfig, train_images: Images, monkeypatch: pytest.MonkeyPatch
) -> None:
    augmentation = replace(tiny_run.augmentation, colour_jitter_probability=1.0)
    objective = "mix-0.6" if phase is LARGE else "mse"
    config = replace(tiny_run, phases=(replace(phase, fraction=1.0),), augmentation=augmentation, objective=objective)
    run = Trainer(config, train_images, {}, CPU, log=lambda line: None)
    choose_parameters(run.model, phase)
    meter = QualityMeter(config.model.anchors, CPU)
    with NoReading(), monkeypatch.context() as patched:
        patched.setattr(Tensor, "tolist", None)  # on the CPU it reads the memory as it is
        for _ in range(2):
            run._train_step(phase, 0.1, meter)
    assert run.step == 2


@pytest.mark.slow
def test_the_model_compiles_as_a_whole(tiny_config: ModelConfig) -> None:
    """No graph breaks through simulated integers and bounds, and the same numbers."""
    model = HyperpriorModel(tiny_config).to(memory_format=torch.channels_last)
    compiled = torch.compile(model, backend="eager", fullgraph=True, dynamic=False)
    x, position = torch.rand(2, 3, 64, 64), torch.tensor([0.3, 1.7])
    outputs = []
    for forward in (model, compiled):
        torch.manual_seed(1)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            output = forward(x, position, simulate_integers=True)
        model.zero_grad()
        (output.x_hat.square().sum() + output.y_bits.sum() + output.z_bits.sum()).backward()
        gradients = [each.grad.clone() for each in model.parameters() if each.grad is not None]
        outputs.append([output.x_hat.detach(), output.y_bits.detach(), output.z_bits.detach(), *gradients])
    for one, other in zip(*outputs, strict=True):
        torch.testing.assert_close(one, other)


def test_compiling_changes_no_names(
    tiny_run: TrainConfig, train_images: Images, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """State of a compiled run is that of any other; `torch.compile` itself is left out for the time it takes."""
    asked: list[object] = []

    def wrapped(module: torch.nn.Module, **options: object) -> Any:
        asked.append(options)
        return torch._dynamo.OptimizedModule(module, torch._dynamo.disable())

    monkeypatch.setattr(torch, "compile", wrapped)
    names = []
    for compiled in (True, False, None):
        run = Trainer(tiny_run, train_images, {}, CPU, compiled=compiled, log=lambda line: None)
        run.run(60.0, tmp_path / "run.pt", max_steps=1)
        state = run.checkpoint()
        names.append((list(state.model), list(state.average), list(state.optimizer["state"])))
    assert asked == [{"dynamic": False}]
    assert names[0] == names[1] == names[2]


def test_reduced_precision_is_kept_out_on_cuda_only() -> None:
    before = torch.backends.cudnn.allow_tf32
    with full_precision(torch.device("cuda")):
        assert not torch.backends.cudnn.allow_tf32
        assert torch.get_float32_matmul_precision() == "highest"
    with full_precision(CPU):
        assert torch.backends.cudnn.allow_tf32 == before
    assert torch.backends.cudnn.allow_tf32 == before


@pytest.fixture
def strict_cuda() -> Iterator[torch.device]:
    """A CUDA device."""
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    yield torch.device("cuda")
    torch.cuda.set_sync_debug_mode("default")


@pytest.mark.gpu
@pytest.mark.parametrize("phase", PHASES)
def test_steps_on_a_gpu_wait_for_nothing(
    phase: Phase, strict_cuda: torch.device, tiny_run: TrainConfig, train_images: Images
) -> None:
    run = Trainer(tiny_run, train_images, {}, strict_cuda, compiled=False, log=lambda line: None)
    choose_parameters(run.model, phase)
    meter = QualityMeter(tiny_run.model.anchors, strict_cuda)
    run._train_step(phase, 0.1, meter)
    torch.cuda.set_sync_debug_mode("error")
    for _ in range(3):
        run._train_step(phase, 0.1, meter)


@pytest.mark.gpu
@pytest.mark.slow
def test_a_compiled_run_on_a_gpu_resumes(
    strict_cuda: torch.device, tiny_run: TrainConfig, train_images: Images, held_out_images: Images, tmp_path: Path
) -> None:
    for steps in (3, 6):
        run = Trainer(tiny_run, train_images, held_out_images, strict_cuda, log=lambda line: None)
        if steps > 3:
            run.resume(tmp_path / "run.pt")
        assert run.run(60.0, tmp_path / "run.pt", max_steps=3) is not None
        assert run.step == steps
        assert all(torch.isfinite(tensor).all() for tensor in run.averaged.state_dict().values())
