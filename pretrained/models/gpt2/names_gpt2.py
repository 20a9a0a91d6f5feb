"""How do other frameworks call the tensors of GPT-2 and GPT?"""

from pretrained.checkpoints import Rename

# OpenAI's programs: kernels are convolutions of width one, [1, in, out], and stay [in, out].
TENSORFLOW_1 = (
    Rename(r"model/(wte|wpe)", r"\1.weight"),
    Rename(r"model/(positions_embed|tokens_embed)", r"\1.weight"),
    Rename(r"model/h(\d+)/(attn|mlp)/(\w+)/w", r"h.\1.\2.\3.weight", rank=2),
    Rename(r"model/h(\d+)/(attn|mlp)/(\w+)/b", r"h.\1.\2.\3.bias", rank=1),
    Rename(r"model/h(\d+)/(ln_[12])/g", r"h.\1.\2.weight", rank=1),
    Rename(r"model/h(\d+)/(ln_[12])/b", r"h.\1.\2.bias", rank=1),
    Rename(r"model/ln_f/g", "ln_f.weight", rank=1),
    Rename(r"model/ln_f/b", "ln_f.bias", rank=1),
)
