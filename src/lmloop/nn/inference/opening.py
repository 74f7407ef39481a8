"""Opening models and tokenizers of ``transformers``, from a folder or by a hub's name."""

import socket
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

import numpy as np
import torch

from lmloop.core.errors import DataError
from lmloop.core.extras import need
from lmloop.core.model import Prompt
from lmloop.core.record import Turn
from lmloop.kernels.tokenizing import TEMPLATE
from lmloop.kernels.tokenizing.chat import prompted
from lmloop.nn.inference.encoding import Reading, Side
from lmloop.nn.inference.hub import Refused, context_of, held
from lmloop.nn.inference.local import Core, Local, Mixed, Plain
from lmloop.nn.inference.trie import Ids
from lmloop.nn.opening import dress, is_adapter, plain_of

EXTRA = "huggingface"


@dataclass(frozen=True, slots=True)
class Opening:
    """How a model is opened: numbers' type (``auto``: that of the weights on a GPU, float32 on a CPU), device, or a
    map of layers to devices, the version on the hub, how many rows are written at once, and for which task.
    """

    dtype: str = "auto"
    device: str = "auto"
    device_map: str = ""
    revision: str = ""
    rows: int = 0
    side: Side = "left"
    task: str = ""


def load(name: str, opening: Opening) -> Local:
    """Open a model with its tokenizer.

    Raises:
        DataError: it is not there, cannot be reached, or is nothing that ``transformers`` can open.
    """
    transformers = need("transformers", EXTRA)
    _check(name)
    adapter = Path(name) if is_adapter(Path(name)) else None
    name = str(plain_of(adapter)) if adapter is not None else name
    how: dict[str, Any] = {"revision": opening.revision} if opening.revision else {}
    with _told(name):
        tokenizer = transformers.AutoTokenizer.from_pretrained(name, **how)
        model = _model(transformers, name, opening, how)
    if adapter is not None:
        _wear(transformers, (model, tokenizer), adapter, opening.task)
    codec = HubCodec(tokenizer, _ends(model, tokenizer))
    return Local(core_of(model, opening.rows), codec, opening.side)


def _wear(transformers: Any, opened: tuple[Any, Any], adapter: Path, task: str) -> None:
    """Put an adapter on its model, and give both what a tuning wrote beside it: its template and what ends a reply."""
    model, tokenizer = opened
    dress(model, adapter, task)
    model.eval()
    if (adapter / TEMPLATE).is_file():
        tokenizer.chat_template = (adapter / TEMPLATE).read_text(encoding="utf-8")
    if (adapter / transformers.utils.GENERATION_CONFIG_NAME).is_file():
        model.generation_config = transformers.GenerationConfig.from_pretrained(adapter)


def _check(name: str) -> None:
    """Refuse at once what is no folder, was never fetched and cannot be fetched: the library would try for a minute."""
    hub = need("huggingface_hub", EXTRA)
    if Path(name).is_dir() or isinstance(hub.try_to_load_from_cache(name, "config.json"), str) or getproxies():
        return
    place = urlsplit(hub.constants.ENDPOINT)
    try:
        socket.create_connection((place.hostname, place.port or 443), timeout=10).close()
    except OSError as bad:
        raise DataError(
            f"{name} is no folder here, and the hub cannot be reached: {bad}",
            hint="name a folder with config.json, weights and tokenizer",
        ) from None


def core_of(model: Any, rows: int = 0) -> Core:
    """Put a model under a mixer; where it refuses, it is read by its own code."""
    try:
        return Mixed(held(model), rows)
    except Refused as why:
        return Plain(model, context_of(model.config.get_text_config()), str(why))


def _model(transformers: Any, name: str, opening: Opening, how: dict[str, Any]) -> Any:
    device = opening.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    dtype = opening.dtype
    if dtype == "auto" and device == "cpu" and not opening.device_map:
        dtype = "float32"
    newer = tuple(map(int, transformers.__version__.split(".")[:2])) >= (4, 56)
    how = how | {"dtype" if newer else "torch_dtype": dtype}
    if opening.device_map:
        return transformers.AutoModelForCausalLM.from_pretrained(name, device_map=opening.device_map, **how).eval()
    return transformers.AutoModelForCausalLM.from_pretrained(name, **how).to(device).eval()


def _ends(model: Any, tokenizer: Any) -> frozenset[int]:
    said = [tokenizer.eos_token_id, getattr(model.generation_config, "eos_token_id", None)]
    flat = [token for each in said for token in (each if isinstance(each, list) else [each])]
    return frozenset(token for token in flat if token is not None)


@contextmanager
def _told(name: str) -> Iterator[None]:
    """Turn what the library raises into one message; its bars of progress are not shown."""
    talk = need("transformers.utils.logging", EXTRA)
    shown = talk.is_progress_bar_enabled()
    talk.disable_progress_bar()
    try:
        yield
    except (OSError, ValueError, ImportError, KeyError, RuntimeError) as bad:
        lines = str(bad).strip().splitlines() or [type(bad).__name__]
        hint = "name a folder in Hugging Face's form"
        if not Path(name).is_dir():
            hint += ", or a name on a hub that can be reached: there is no such folder here"
        raise DataError(f"{name} cannot be opened as a model: {lines[0]}", hint=hint) from None
    finally:
        if shown:
            talk.enable_progress_bar()


@dataclass(frozen=True)
class HubCodec:
    """A tokenizer of ``transformers``; special tokens are read by their names, as there."""

    tokenizer: Any
    ends: Collection[int]

    @property
    def begin(self) -> int | None:
        """The token that begins a text, else the one that ends it."""
        first: int | None = self.tokenizer.bos_token_id
        return first if first is not None else self.tokenizer.eos_token_id

    @cached_property
    def _begin_text(self) -> str:
        return "" if self.begin is None else str(self.tokenizer.decode([self.begin]))

    def render(self, prompt: Prompt) -> Reading:
        """Write a conversation by the template; without one the turns stand one behind the other.

        Raises:
            DataError: the template refuses the conversation.
        """
        if not self.tokenizer.chat_template:
            return Reading("".join(turn.text for turn in prompt))
        return Reading(prompted(prompt, self._rendered), chat=True)

    def _rendered(self, turns: Sequence[Turn]) -> str:
        told = [{"role": turn.role, "content": turn.text} for turn in turns]
        try:
            return str(self.tokenizer.apply_chat_template(told, tokenize=False, add_generation_prompt=True))
        except Exception as bad:  # a template is anybody's, and may raise anything
            raise DataError(f"the chat template refuses a conversation: {bad}") from None

    def encode(self, texts: Sequence[Reading], bare: bool = False) -> list[Ids]:
        """Give the ids of texts. What begins with the beginning token gets no second one."""
        begun = [bare or bool(self._begin_text and each.text.startswith(self._begin_text)) for each in texts]
        found: dict[int, Ids] = {}
        for special in (True, False):
            places = [place for place, has in enumerate(begun) if has != special]
            if places:
                batch = self.tokenizer([texts[place].text for place in places], add_special_tokens=special)
                found |= {place: np.array(ids, np.uint32) for place, ids in zip(places, batch.input_ids, strict=True)}
        return [found[place] for place in range(len(texts))]

    def decode(self, ids: Sequence[int]) -> str:
        """Give the text of some ids; special tokens give none."""
        text: str = self.tokenizer.decode(list(ids), skip_special_tokens=True)
        return text
