"""`pretrained generate`: how does a model go on with these texts? Shown token by token, as they are written."""

import logging
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pretrained.cli.inputs import FieldOption, InputOption, read_texts
from pretrained.cli.show import JsonOption, many_lines, print_json, print_line
from pretrained.quiet import quiet

if TYPE_CHECKING:
    import torch

_SAMPLING = ("temperature", "top_k", "top_p")
_UNFINISHED = "\ufffd"  # how decoding shows a character of which some bytes are still to come


def generate(
    texts: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="TEXT", show_default=False, help="One text or several, each in quotes; or give --input."
        ),
    ] = None,
    *,
    model: Annotated[
        str,
        typer.Option(
            "--model",
            "-m",
            metavar="NAME",
            show_default=False,
            help="A model that writes, such as GPT-2: a folder, a file, a name in the cache or package:NAME. "
            "It has to be named: the embedded model reads texts and cannot write any.",
        ),
    ],
    source: InputOption = None,
    field: FieldOption = None,
    max_new_tokens: Annotated[
        int, typer.Option(min=1, metavar="N", help="Write so many tokens, or fewer where the text ends.")
    ] = 50,
    sample: Annotated[
        bool, typer.Option("--sample", help="Draw each token by its probability, in place of the best one.")
    ] = False,
    temperature: Annotated[
        float | None,
        typer.Option(metavar="X", show_default="what the model's files say", help="Above 1 more surprise, below less."),
    ] = None,
    top_k: Annotated[
        int | None,
        typer.Option(metavar="N", show_default="what the model's files say", help="Draw from the N best; 0: from all."),
    ] = None,
    top_p: Annotated[
        float | None,
        typer.Option(metavar="X", show_default="what the model's files say", help="Draw from the best that make up X."),
    ] = None,
    beams: Annotated[
        int, typer.Option(min=1, metavar="N", help="Search with N beams; the text is shown when it is complete.")
    ] = 1,
    repetition_penalty: Annotated[
        float | None,
        typer.Option(
            metavar="X", show_default="what the model's files say", help="Above 1: fewer tokens that are there already."
        ),
    ] = None,
    no_repeat_ngram_size: Annotated[
        int | None,
        typer.Option(
            min=0, metavar="N", show_default="what the model's files say", help="No N tokens in a row occur twice."
        ),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, metavar="N", show_default="another each time", help="Makes drawing repeatable.")
    ] = None,
    number: Annotated[
        int, typer.Option("--num", min=1, metavar="N", help="So many continuations of each text; --sample or --beams.")
    ] = 1,
    as_json: JsonOption = False,
) -> None:
    """Go on with texts, by a model that writes.

    [bold]Examples[/bold]

    pretrained generate --model gpt2-folder "The dog"

    pretrained generate --model gpt2-folder --sample --top-p 0.9 --seed 7 --num 3 "The dog"

    pretrained generate --model gpt2-folder --beams 4 --no-repeat-ngram-size 2 --input prompts.txt --json
    """
    options = {
        "do_sample": sample,
        "temperature": temperature,
        "top_k": top_k,
        "top_p": top_p,
        "num_beams": beams,
        "repetition_penalty": repetition_penalty,
        "no_repeat_ngram_size": no_repeat_ngram_size,
        "max_new_tokens": max_new_tokens,
    }
    _check(options, number)
    prompts = read_texts(texts, source, field)
    writer = _load(model, {key: value for key, value in options.items() if value is not None}, number)
    chance = writer.seed(seed)
    for prompt in prompts:
        for pieces in writer.continuations(prompt):
            if as_json:
                print_json({"prompt": prompt, "continuation": "".join(pieces)} | ({"seed": chance} if sample else {}))
            else:
                _show(prompt, pieces)


def _check(options: dict[str, Any], number: int) -> None:
    """Says which options have no effect on each other's terms, before a model is loaded."""
    if not options["do_sample"]:
        for name in _SAMPLING:
            if options[name] is not None:
                option = f"--{name.replace('_', '-')}"
                raise typer.BadParameter("it changes how tokens are drawn; add --sample.", param_hint=option)
        if number > options["num_beams"]:
            need = f"--sample, or --beams {number} or more"
            raise typer.BadParameter(f"{number} different texts need {need}.", param_hint="--num")
    elif 1 < options["num_beams"] < number:
        raise typer.BadParameter(f"{number} texts need --beams {number} or more.", param_hint="--num")


def _load(name: str, options: dict[str, Any], number: int) -> "_Writer":
    """The model and its tokenizer, or an error that says what else can write."""
    from pretrained import registry
    from pretrained.auto import AutoConfig, AutoModelForCausalLM, AutoTokenizer
    from pretrained.errors import CheckpointError, ConfigurationError

    writers = [key for key, family in registry.families().items() if "ForCausalLM" in family.models]
    able = f"Families that can write: {', '.join(sorted(writers))}"
    config = AutoConfig.from_pretrained(name)
    if config.model_type not in writers:
        raise ConfigurationError(
            f"{name} is of the family {config.model_type}, which reads texts and writes none. {able}"
        )
    with quiet():  # its warning of a missing head comes as an error below
        model = AutoModelForCausalLM.from_pretrained(name)
    if not _predicts_the_next_token(model):
        raise ConfigurationError(
            f"{name} is a {config.model_type} model that was trained to fill gaps, not to write: its configuration "
            f"does not say is_decoder. {able}; BERT's and RoBERTa's kin only where the configuration says is_decoder"
        )
    head = [key for key in model.load_report.missing if not key.startswith(f"{model.base_model_prefix}.")]
    if head:
        raise CheckpointError(
            f"the weights of {name} have no head that predicts the next token; {type(model).__name__} needs "
            f"{', '.join(head[:4])}{', …' if len(head) > 4 else ''}. Name a model that was saved with one"
        )
    if (warning := model.load_report.warning(type(model).__name__)) is not None:
        logging.getLogger("pretrained").warning(warning)
    return _Writer(model, AutoTokenizer.from_pretrained(name), options, number)


def _predicts_the_next_token(model: Any) -> bool:
    import torch

    from pretrained.errors import ConfigurationError

    try:
        model.prepare_inputs_for_generation(torch.tensor([[0]]))
    except ConfigurationError:
        return False
    return True


@dataclass
class _Writer:
    """A model that goes on with texts, and everything that was asked of it."""

    model: Any
    tokenizer: Any
    options: dict[str, Any]
    number: int
    generator: "torch.Generator | None" = None

    def seed(self, seed: int | None) -> int:
        """Starts the source of chance, and says from what number."""
        import torch

        self.generator = torch.Generator()
        if seed is None:
            return self.generator.seed()
        self.generator.manual_seed(seed)
        return seed

    def continuations(self, prompt: str) -> Iterator[Iterator[str]]:
        """For each continuation its pieces, which together are its text."""
        ids = self._prompt_ids(prompt)
        if self.options["num_beams"] == 1:
            for _ in range(self.number):  # one after another: a terminal cannot show two texts grow
                yield self._streamed(ids)
            return
        rows = self.model.generate(ids, generator=self.generator, num_return_sequences=self.number, **self.options)
        start = 0 if ids is None else ids.shape[1]
        for row in rows:
            before = self._decode(row[:start].tolist())
            yield iter([_behind(before, self._decode(row.tolist()))])

    def _prompt_ids(self, prompt: str) -> "torch.Tensor | None":
        """(1, S) a text and what stands before it; not what stands behind it, which would end it."""
        import torch

        encoding = self.tokenizer(prompt)
        ids = list(encoding["input_ids"])
        for sequence in reversed(encoding.sequence_ids()):
            if sequence is not None:
                break
            ids.pop()
        if not ids and prompt == "":
            whole = list(encoding["input_ids"])
            ids = whole[:1] if whole[:1] == [self.tokenizer.cls_token_id] else []
        return torch.tensor([ids]) if ids else None  # without any, the model begins as it does

    def _streamed(self, prompt: "torch.Tensor | None") -> Iterator[str]:
        """The text of the new tokens as soon as it is certain."""
        ids = [] if prompt is None else prompt[0].tolist()
        shown = self._decode(ids)
        for token in self.model.stream(prompt, generator=self.generator, **self.options):
            ids.append(int(token))
            text = self._decode(ids)
            if text.startswith(shown) and not text.endswith(_UNFINISHED):
                yield text[len(shown) :]
                shown = text
        yield _behind(shown, self._decode(ids))

    def _decode(self, ids: list[int]) -> str:
        return str(self.tokenizer.decode(ids, skip_special_tokens=True))


def _behind(start: str, text: str) -> str:
    """What a text has behind its start; later tokens may have changed the start's own end by a blank."""
    common = next((at for at, (one, other) in enumerate(zip(start, text, strict=False)) if one != other), None)
    return text[min(len(start), len(text)) if common is None else common :]


def _show(prompt: str, pieces: Iterator[str]) -> None:
    sys.stdout.write(many_lines(prompt))
    for piece in pieces:
        sys.stdout.write(many_lines(piece))
        sys.stdout.flush()
    print_line()
