"""The runtimes that people export models to, with the settings that their documentation recommends for speed.

ONNX Runtime runs the graph that its own optimizer for transformers has fused, in 8 bits by its dynamic quantization.
OpenVINO converts the PyTorch model, and runs several streams with its throughput hint (one with its latency hint), in
8 bits by NNCF's quantization, which looks at 300 texts for that, where that package is installed. Both get texts sorted
by length, 32 at a time, padded to the longest.
"""

import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

Encode = Callable[[list[str]], np.ndarray]
BATCH = 32
_NAMES = ("input_ids", "attention_mask", "token_type_ids")


def available(*, hint: str = "THROUGHPUT") -> dict[str, Callable[[Path], Encode]]:
    """Name → loader, of those that are installed. hint: "THROUGHPUT" for many texts, "LATENCY" for one at a time."""
    found: dict[str, Callable[[Path], Encode]] = {}
    if _installed("onnxruntime", "onnx"):
        found |= {"onnxruntime": onnxruntime, "onnxruntime int8": lambda folder: onnxruntime(folder, int8=True)}
    if _installed("openvino"):
        found["openvino"] = lambda folder: openvino(folder, hint=hint)
        found["openvino bf16"] = lambda folder: openvino(folder, precision="bf16", hint=hint)
    if _installed("openvino", "nncf"):
        found["openvino int8"] = lambda folder: openvino(folder, int8=True, hint=hint)
    return found


def _installed(*names: str) -> bool:
    return all(importlib.util.find_spec(name) is not None for name in names)


def onnxruntime(folder: Path, *, int8: bool = False) -> Encode:
    import tempfile

    import onnxruntime as ort
    from onnxruntime.quantization import quantize_dynamic
    from onnxruntime.transformers import optimizer

    model, tokenizer = _model(folder)
    example = tokenizer(["a text", "another text"], return_tensors="pt", padding=True)
    keep = tempfile.TemporaryDirectory()
    plain, fused = Path(keep.name) / "plain.onnx", Path(keep.name) / "fused.onnx"
    axes = {name: {0: "batch", 1: "length"} for name in (*_NAMES, "hidden")}
    torch.onnx.export(
        _States(model),
        tuple(example[name] for name in _NAMES),
        str(plain),
        input_names=list(_NAMES),
        output_names=["hidden"],
        dynamic_axes=axes,
        opset_version=17,
        dynamo=False,
    )
    config = model.config
    optimizer.optimize_model(
        str(plain), "bert", num_heads=config.num_attention_heads, hidden_size=config.hidden_size
    ).save_model_to_file(str(fused))
    if int8:
        quantize_dynamic(str(fused), str(plain), extra_options={"DefaultTensorType": 1})  # of float32
        fused = plain
    settings = ort.SessionOptions()
    settings.intra_op_num_threads = torch.get_num_threads()
    session = ort.InferenceSession(str(fused), settings, providers=["CPUExecutionProvider"])

    def encode(texts: list[str]) -> np.ndarray:
        vectors = np.empty((len(texts), config.hidden_size), np.float32)
        for places, inputs in _batches(texts, tokenizer):
            (hidden,) = session.run(["hidden"], inputs)
            vectors[places] = _pooled(hidden, inputs["attention_mask"])
        return vectors

    encode.keep = keep  # type: ignore[attr-defined]
    return encode


def openvino(folder: Path, *, precision: str = "f32", int8: bool = False, hint: str = "THROUGHPUT") -> Encode:
    import openvino as ov

    model, tokenizer = _model(folder)
    example = tokenizer(["a text", "another text"], return_tensors="pt", padding=True)
    converted = ov.convert_model(_States(model), example_input=tuple(example[name] for name in _NAMES))
    if int8:
        import nncf

        words = Path(__file__).with_name("text.txt").read_text(encoding="utf-8").split()
        texts = [" ".join(words[place : place + 2 + place % 60]) for place in range(0, len(words), len(words) // 300)]
        rows = [tokenizer([text], return_tensors="np") for text in texts]
        calibration = nncf.Dataset([tuple(row[name] for name in _NAMES) for row in rows])
        converted = nncf.quantize(converted, calibration, model_type=nncf.ModelType.TRANSFORMER)
    settings: dict[str, Any] = {
        "PERFORMANCE_HINT": hint,
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        "INFERENCE_PRECISION_HINT": precision,
    }
    compiled = ov.Core().compile_model(converted, "CPU", settings)
    queue = ov.AsyncInferQueue(compiled)

    def encode(texts: list[str]) -> np.ndarray:
        vectors = np.empty((len(texts), model.config.hidden_size), np.float32)

        def done(request: Any, job: Any) -> None:
            places, mask = job
            vectors[places] = _pooled(request.get_output_tensor(0).data.astype(np.float32), mask)

        queue.set_callback(done)
        for places, inputs in _batches(texts, tokenizer):
            queue.start_async([inputs[name] for name in _NAMES], (places, inputs["attention_mask"]))
        queue.wait_all()
        return vectors

    return encode


class _States(torch.nn.Module):
    """Only the hidden states, which exporters like best."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor, token_type_ids: torch.Tensor) -> Any:
        return self.model(input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids).last_hidden_state


def _model(folder: Path) -> tuple[Any, Any]:
    from transformers import AutoModel, AutoTokenizer

    return AutoModel.from_pretrained(folder, attn_implementation="eager").eval(), AutoTokenizer.from_pretrained(folder)


def _batches(texts: list[str], tokenizer: Any) -> Iterator[tuple[list[int], dict[str, np.ndarray]]]:
    order = sorted(range(len(texts)), key=lambda place: len(texts[place]), reverse=True)
    for start in range(0, len(texts), BATCH):
        places = order[start : start + BATCH]
        batch = [texts[place] for place in places]
        encoded = tokenizer(batch, padding=True, truncation=True, max_length=512, return_tensors="np")
        yield places, {name: encoded[name].astype(np.int64) for name in _NAMES}


def _pooled(hidden: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The mean over the tokens, of length 1."""
    weights = mask[..., None].astype(np.float32)
    mean = (hidden * weights).sum(1) / weights.sum(1)
    return mean / np.linalg.norm(mean, axis=1, keepdims=True)
