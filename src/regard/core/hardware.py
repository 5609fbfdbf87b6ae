"""Where and how torch computes: the device, a fixed number of threads, and the precision of
training.
"""

import ctypes
import os
from pathlib import Path

import torch
from torch import nn


def stated_threads(text: str) -> int:
    """The number of threads in the text of REGARD_THREADS; 1 for an empty text.

    Raises
    ------
    ValueError
        For anything but a whole number >= 1.
    """
    if text and not (text.isdecimal() and int(text)):
        raise ValueError(
            f"REGARD_THREADS is {text[:40]!r}; set it to a whole number from 1 on, or unset it"
        )
    return int(text or 1)


# fixed: CPU results repeat for one thread count only; studies run beside each other instead
THREADS = stated_threads(os.environ.get("REGARD_THREADS", ""))


def deterministic(threads: int = THREADS) -> torch.device:
    """Make torch repeatable on one kind of machine.

    Parameters
    ----------
    threads : int
        CPU threads.

    Returns
    -------
    torch.device
        The device to compute on: CUDA where there is one.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.set_num_threads(threads)
    # a warning where there is none: bilinear upsampling has no such backward on CUDA. The other
    # function that sets it imports torch's compiler, which takes seconds and is not used.
    torch.set_deterministic_debug_mode("warn")
    # a debugging aid that costs 7 % of a training step
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def precision(device: torch.device, name: str = "auto") -> torch.dtype:
    """The number format of training.

    Parameters
    ----------
    device : torch.device
    name : {"auto", "float32", "bfloat16"}
        "auto" takes bfloat16 where the processor computes it in hardware.

    Returns
    -------
    torch.dtype

    Raises
    ------
    ValueError
        For another name.
    """
    names = {"float32": torch.float32, "bfloat16": torch.bfloat16}
    if name == "auto":
        native = (
            torch.cuda.is_bf16_supported()
            if device.type == "cuda"
            else torch.ops.mkldnn._is_mkldnn_bf16_supported()
        )
        return torch.bfloat16 if native else torch.float32
    if name not in names:
        raise ValueError(f"unknown precision {name!r}; known are auto, {', '.join(names)}")
    return names[name]


def layout(model: nn.Module) -> torch.memory_format:
    """The memory layout to train `model` in: channels last, which is faster on a CPU, but for
    networks that oneDNN's weight gradient breaks in it.

    Of a strided 1 x 1 convolution with fewer input channels than a vector register holds (16 at
    most), that gradient writes past its buffer, which ends the process or corrupts it (oneDNN issue
    6035; seen with AVX2). Only networks far narrower than ours have one.
    """
    narrow = (
        isinstance(one, nn.Conv2d)
        and one.kernel_size == (1, 1)
        and max(one.stride) > 1
        and one.in_channels < 16
        for one in model.modules()
    )
    return torch.contiguous_format if any(narrow) else torch.channels_last


def reset_peak(device: torch.device) -> int | None:
    """Start to measure the peak of memory.

    Parameters
    ----------
    device : torch.device

    Returns
    -------
    int or None
        Bytes in use now, for `peak_above`: on CUDA torch's count, on a CPU the resident memory of
        the process in Linux; None where neither is available.
    """
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
        return torch.cuda.memory_allocated(device)
    try:
        ctypes.CDLL(None).malloc_trim(0)  # what was freed before must not hide what is taken now
        Path("/proc/self/clear_refs").write_text("5")
        return _resident("VmRSS")
    except (OSError, AttributeError):
        return None


def peak_above(before: int | None, device: torch.device) -> float | None:
    """The peak of memory since `reset_peak`.

    Parameters
    ----------
    before : int or None
        As from `reset_peak`.
    device : torch.device

    Returns
    -------
    float or None
        Gigabytes (10^9 bytes) above `before`.
    """
    if before is None:
        return None
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        return (torch.cuda.max_memory_allocated(device) - before) / 1e9
    return (_resident("VmHWM") - before) / 1e9


def _resident(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(name))
