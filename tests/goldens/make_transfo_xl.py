"""What does the published Transformer-XL compute? Writes the small golden files that the parity test reads.

`transformers` dropped the family, so its last release that runs everything needs an environment of its own:

    python -m venv peer
    peer/bin/pip install transformers==4.35.2 torch==2.13.0 "numpy<2" safetensors
    peer/bin/python tests/goldens/make_transfo_xl.py
"""

import json
import warnings
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import (
    TransfoXLConfig,
    TransfoXLForSequenceClassification,
    TransfoXLLMHeadModel,
)

FOLDER = Path(__file__).parent / "transfo_xl"
SMALL = {"vocab_size": 60, "d_model": 16, "n_head": 2, "d_head": 8, "d_inner": 24, "n_layer": 2, "num_labels": 3}
CONFIGURATIONS = {
    # as published, small: clusters of falling width, windows of one length, distances clamped
    "divided": {"cutoffs": [10, 25, 45], "d_embed": 16, "div_val": 2, "mem_len": 6, "clamp_len": 5, "pad_token_id": 9},
    # one table for all clusters, projected; shared biases; norms first
    "one_table": {
        "cutoffs": [20, 40],
        "d_embed": 12,
        "div_val": 1,
        "mem_len": 5,
        "clamp_len": -1,
        "same_length": False,
        "untie_r": False,
        "pre_lnorm": True,
        "pad_token_id": 3,
    },
    # neither clusters nor memory nor projection
    "plain": {"cutoffs": [], "d_embed": 16, "div_val": 1, "mem_len": 0, "same_length": False, "pad_token_id": 0},
    # nothing is shared, heads are narrower than the network, and the memory is longer than all segments
    "apart": {
        "cutoffs": [7, 30],
        "d_embed": 20,
        "div_val": 4,
        "n_head": 3,
        "d_head": 4,
        "mem_len": 40,
        "clamp_len": 9,
        "proj_share_all_but_first": False,
        "tie_word_embeddings": False,
        "pad_token_id": 1,
    },
}
SEGMENTS = (9, 4, 7)


def make(name: str, changes: dict) -> None:
    torch.manual_seed(len(name))
    config = TransfoXLConfig(**SMALL | changes)
    model = TransfoXLLMHeadModel(config).eval()
    classifier = TransfoXLForSequenceClassification(config).eval() if config.d_embed == config.d_model else None
    for parameter in model.parameters():
        parameter.data += 0.2 * torch.randn_like(parameter)
    golden = {f"weights.{key}": value for key, value in model.state_dict().items()}

    mems = None
    for index, length in enumerate(SEGMENTS):
        ids = torch.randint(0, config.vocab_size, (3, length))
        ids[0, :3] = torch.tensor([config.vocab_size - 1, 0, config.vocab_size // 2])
        labels = ids.masked_fill(torch.rand(ids.shape) < 0.2, -100)
        labels[0, 1] = 5
        given = {"mems": mems, "output_hidden_states": True, "output_attentions": True}
        with torch.no_grad():
            out = model(ids, **given)
            trained = model(ids, mems=mems, labels=labels.clone())
            masked = model(
                ids, mems=mems, head_mask=torch.tensor([[1.0] * config.n_head, [0.0] + [1.0] * (config.n_head - 1)])
            )
        found = {"ids": ids, "labels": labels, "scores": out.prediction_scores, "loss": trained.loss}
        found |= {"losses": trained.losses, "scores_without_a_head": masked.prediction_scores}
        for kind in ("mems", "hidden_states", "attentions"):
            found |= {f"{kind}.{layer}": value for layer, value in enumerate(getattr(out, kind) or ())}
        golden |= {f"segment{index}.{key}": value for key, value in found.items()}
        mems = out.mems

    model(golden["segment0.ids"], labels=golden["segment0.labels"].clone()).loss.backward()
    golden |= {f"gradients.{key}": value.grad for key, value in model.named_parameters() if value.grad is not None}

    if classifier is not None:  # theirs takes a network as wide as its embedding only
        classifier.transformer.load_state_dict(model.transformer.state_dict())
        ids = torch.randint(10, config.vocab_size, (3, 8))
        ids[1, 5:] = ids[2, 1:] = config.pad_token_id
        with torch.no_grad():
            out = classifier(ids, labels=torch.tensor([0, 2, 1]))
        golden |= {"classifier.weight": classifier.score.weight, "classifier.ids": ids}
        golden |= {"classifier.logits": out.logits, "classifier.loss": out.loss}

    tensors = {key: value.detach().clone().contiguous() for key, value in golden.items()}
    save_file(tensors, FOLDER / f"{name}.safetensors", {"config": json.dumps(SMALL | changes)})


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    FOLDER.mkdir(exist_ok=True)
    for name, changes in CONFIGURATIONS.items():
        make(name, changes)
