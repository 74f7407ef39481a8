"""A model in this process, asked in texts: what the back-ends for local weights have in common."""

from collections import Counter
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from lmloop.core.model import Done, Prompt, Reply, Sampling, Token, Writing, cut_at_stop
from lmloop.nn.inference import embedding, encoding, generation, plain, scoring, streaming, tracing
from lmloop.nn.inference.drawing import Drawing
from lmloop.nn.inference.encoding import Codec, Pair, Side
from lmloop.nn.inference.generation import Ended, Wanted, Written
from lmloop.nn.inference.network import Network
from lmloop.nn.inference.scoring import Scored
from lmloop.nn.inference.stopping import Tail
from lmloop.nn.inference.trie import Ids


class Core(Protocol):
    """What reads and writes ids."""

    @property
    def context(self) -> int:
        """How many places it can tell apart."""
        ...

    def score(self, pairs: Sequence[tuple[Ids, Ids]], told: scoring.Told | None = None) -> list[Scored]:
        """Score continuations."""
        ...

    def write(self, wanted: Sequence[Wanted], told: generation.Told | None = None) -> list[Written]:
        """Write replies."""
        ...

    def embed(self, texts: Sequence[Ids]) -> list[list[float]]:
        """Give a vector for each text."""
        ...


@dataclass(frozen=True)
class Mixed:
    """Reads with mixers: nothing twice."""

    network: Network
    rows: int = 0

    @property
    def context(self) -> int:
        """How many places it can tell apart."""
        return self.network.context

    def score(self, pairs: Sequence[tuple[Ids, Ids]], told: scoring.Told | None = None) -> list[Scored]:
        """Score continuations."""
        return scoring.score(self.network, pairs, told)

    def write(self, wanted: Sequence[Wanted], told: generation.Told | None = None) -> list[Written]:
        """Write replies."""
        room = generation.Room.on(self.network.device)
        room = generation.Room(self.rows, room.memory) if self.rows else room
        return generation.write(self.network, wanted, told, room)

    def embed(self, texts: Sequence[Ids]) -> list[list[float]]:
        """Give a vector for each text."""
        return embedding.embed(self.network, texts)


@dataclass(frozen=True)
class Plain:
    """Reads by the model's own code; ``why`` no mixer can."""

    model: Any
    context: int
    why: str

    def score(self, pairs: Sequence[tuple[Ids, Ids]], told: scoring.Told | None = None) -> list[Scored]:
        """Score continuations."""
        return plain.score(self.model, pairs, told)

    def write(self, wanted: Sequence[Wanted], told: generation.Told | None = None) -> list[Written]:
        """Write replies."""
        return plain.write(self.model, wanted, told)

    def embed(self, texts: Sequence[Ids]) -> list[list[float]]:
        """Give a vector for each text."""
        return plain.embed(self.model, texts)


@dataclass(frozen=True)
class Local:
    """A model with its tokenizer; prompts that are too long lose their beginning, or their middle."""

    core: Core
    codec: Codec
    side: Side = "left"

    def score(self, asked: Sequence[tuple[Prompt, str]], done: Done | None) -> list[Reply]:
        """Give the log-probability of each text behind its prompt."""
        context, pairs = self.core.context, encoding.encode_pairs(self.codec, asked)
        replies: dict[int, Reply] = {}
        parts: list[tuple[int, Pair]] = []
        for number, pair in enumerate(pairs):
            if pair.whole:
                parts += [(number, part) for part in encoding.windows(pair, context)]
            elif len(pair.text) > context:
                error = f"the text has {len(pair.text)} tokens, the model reads {context}"
                _tell(replies, done, number, Reply(asked[number][1], error=error))
            else:
                parts.append((number, encoding.fit(pair, context, self.side)))
        waiting = Counter(number for number, _ in parts)
        sofar = {number: _begun(asked[number][1], pair) for number, pair in reversed(parts)}

        def told(place: int, scored: Scored) -> None:
            number, _ = parts[place]
            sofar[number] = _joined(sofar[number], scored)
            waiting[number] -= 1
            if not waiting[number]:
                _tell(replies, done, number, sofar.pop(number))

        self.core.score([(pair.prompt, pair.text) for _, pair in parts], told)
        return [replies[number] for number in range(len(asked))]

    def write(self, requests: Sequence[Writing], done: Done | None) -> list[Reply]:
        """Answer each request."""
        return self._write(requests, done)

    def _write(self, requests: Sequence[Writing], done: Done | None, heard: Ended | None = None) -> list[Reply]:
        replies: dict[int, Reply] = {}
        encoded = encoding.encode_prompts(self.codec, [request.prompt for request in requests])
        wanted, left_out = [], []
        for ids, request in zip(encoded, requests, strict=True):
            most = min(request.sampling.max_tokens, max(1, self.core.context - 1))
            kept = encoding.cut(ids, self.core.context - most, self.side)
            left_out.append(len(ids) - len(kept))
            ended = _either(heard, self._ended(request.sampling))
            wanted.append(Wanted(kept, self._drawing(request.sampling, most), ended))

        def told(number: int, written: Written) -> None:
            text, stopped = cut_at_stop(self.codec.decode(written.ids), requests[number].sampling.stop)
            reply = Reply(
                text,
                written.logprob,
                len(written.ids),
                written.cut and not stopped,
                prompt_tokens=len(wanted[number].prompt),
                left_out=left_out[number],
            )
            _tell(replies, done, number, reply)

        self.core.write(wanted, told)
        return [replies[number] for number in range(len(requests))]

    def trace(self, asked: Sequence[tuple[Prompt, str]]) -> list[list[Token]]:
        """Give each token of each text with its log-probability behind all before it."""
        return tracing.trace(self.core.score, self.codec, asked, self.core.context)

    def stream(self, prompt: Prompt, sampling: Sampling) -> Generator[str, None, Reply]:
        """Give pieces of a reply as they are written; return the whole."""

        def write(heard: Callable[[Sequence[int]], bool]) -> Reply:
            return self._write([Writing(prompt, sampling)], None, heard)[0]

        return streaming.stream(write, self.codec.decode, sampling.stop)

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Give a vector for each text: the mean of its tokens' last hidden vectors."""
        ids = self.codec.encode([encoding.Reading(text) for text in texts])
        empty = np.array([self.codec.begin or 0], np.uint32)
        return self.core.embed(
            [encoding.cut(each, self.core.context, self.side) if len(each) else empty for each in ids]
        )

    def _drawing(self, sampling: Sampling, most: int) -> Drawing:
        return Drawing(most, sampling.temperature, sampling.top_p, sampling.seed, self.codec.ends)

    def _ended(self, sampling: Sampling) -> Ended | None:
        stops = [stop for stop in sampling.stop if stop]
        return Tail(self.codec.decode, stops).ended if stops else None


def _either(heard: Ended | None, ended: Ended | None) -> Ended | None:
    """Let both hear of each token; one is enough to end a reply."""
    if heard is None or ended is None:
        return heard or ended
    return lambda ids: bool(heard(ids)) | bool(ended(ids))


def _begun(text: str, first: Pair) -> Reply:
    return Reply(text, 0.0, greedy=True, prompt_tokens=len(first.prompt), left_out=first.left_out)


def _joined(sofar: Reply, scored: Scored) -> Reply:
    """Add a window to what was scored of a text so far."""
    return replace(
        sofar,
        logprob=(sofar.logprob or 0.0) + scored.logprob,
        tokens=sofar.tokens + scored.tokens,
        greedy=bool(sofar.greedy) and scored.greedy,
    )


def _tell(replies: dict[int, Reply], done: Done | None, number: int, reply: Reply) -> None:
    replies[number] = reply
    if done is not None:
        done(number, reply)
