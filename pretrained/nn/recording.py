"""Is torch only computing, or does it write down what is computed, to do it again with other inputs?"""

import torch


def is_recording() -> bool:
    """Whether `torch.jit.trace`, `torch.export`, `torch.compile` or an export to ONNX is at work.

    Then no number in a tensor may decide what is computed: it would decide for all inputs to come.
    """
    return torch.compiler.is_compiling() or torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]
