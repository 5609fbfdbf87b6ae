"""Where and how torch computes: the device, a fixed number of threads, and the precision of training."""

import os

import torch

THREADS = 2  # fixed: CPU results repeat for one thread count only


def deterministic(threads: int = THREADS) -> torch.device:
    """Make torch repeat itself on one kind of machine; returns the device to compute on, CUDA when there."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True, warn_only=True)  # bilinear upsampling has no such backward on CUDA
    torch.utils.deterministic.fill_uninitialized_memory = False  # a debugging aid that costs 7 % of a training step
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def precision(device: torch.device, name: str = "auto") -> torch.dtype:
    """float32 or bfloat16 for training; "auto" takes bfloat16 where the processor computes it in hardware.

    Raises ValueError for another name.
    """
    names = {"float32": torch.float32, "bfloat16": torch.bfloat16}
    if name == "auto":
        native = (
            torch.cuda.is_bf16_supported() if device.type == "cuda" else torch.ops.mkldnn._is_mkldnn_bf16_supported()
        )
        return torch.bfloat16 if native else torch.float32
    if name not in names:
        raise ValueError(f"unknown precision {name!r}; known are auto, {', '.join(names)}")
    return names[name]
