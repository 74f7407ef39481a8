"""The interface of OpenAI's servers over a model: completions, chats, embeddings, and the list of models."""

import json
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hmac import compare_digest
from itertools import count
from typing import Any

from lmloop.core.errors import LmloopError
from lmloop.core.model import Embeds, Generates, Prompt, Reply, Token, Traces, Writing, raw_text, text_prompt
from lmloop.core.record import Turn
from lmloop.serving import wishes
from lmloop.serving.http import Answer, Asked, HttpError, problem
from lmloop.serving.queue import Queue
from lmloop.serving.wishes import Wish


@dataclass(frozen=True, slots=True)
class Form:
    """How a kind of answer is called, and whether a reply in it is a message."""

    kind: str
    prefix: str
    chats: bool


CHAT = Form("chat.completion", "chatcmpl", True)
COMPLETION = Form("text_completion", "cmpl", False)


class Api:
    """Answers requests for the model called ``name``; where there is a ``key``, each must bear it."""

    def __init__(self, queue: Queue, name: str, key: str = "") -> None:
        self.queue, self.name, self.key = queue, name, key
        self.begun = int(time.time())
        self._numbers = count(1)

    async def answer(self, asked: Asked) -> Answer:
        """Answer one request.

        Raises:
            HttpError: it cannot be answered.
        """
        path = asked.path.rstrip("/").removeprefix("/v1")
        if path in ("", "/health"):
            return {"status": "ok"}
        if self.key and not compare_digest(
            asked.headers.get("authorization", "").encode(), f"Bearer {self.key}".encode()
        ):
            raise HttpError(401, "the key is missing or wrong")
        if path == "/models":
            return {"object": "list", "data": [{"id": self.name, "object": "model", "created": self.begun}]}
        routes = {"/completions": self._complete, "/chat/completions": self._chat, "/embeddings": self._embed}
        if path not in routes:
            raise HttpError(404, f"there is no {asked.path} here")
        if asked.method != "POST":
            raise HttpError(405, f"{asked.path} is asked by POST")
        body = wishes.read_body(asked.body)
        try:
            return await routes[path](body)
        except LmloopError as bad:
            raise HttpError(400, bad.message) from None
        except RuntimeError as bad:
            raise HttpError(500, f"the model fails: {bad}") from None

    async def _complete(self, body: Mapping[str, Any]) -> Answer:
        return await self._write(wishes.completion(body), COMPLETION)

    async def _chat(self, body: Mapping[str, Any]) -> Answer:
        return await self._write(wishes.chat(body), CHAT)

    async def _embed(self, body: Mapping[str, Any]) -> Answer:
        model = self.queue.model
        if not isinstance(model, Embeds):
            raise HttpError(400, "this model cannot embed")
        texts = wishes.texts_to_embed(body)
        vectors = await self.queue.call(lambda: model.embed(texts))
        rows = [{"object": "embedding", "index": place, "embedding": row} for place, row in enumerate(vectors)]
        return {"object": "list", "model": self.name, "data": rows}

    async def _write(self, wish: Wish, form: Form) -> Answer:
        if not isinstance(self.queue.model, Generates):
            raise HttpError(400, "this model cannot write")
        head = {"id": f"{form.prefix}-{next(self._numbers)}", "created": int(time.time()), "model": self.name}
        if wish.stream:
            if len(wish.prompts) * wish.replies > 1 or wish.echo or wish.logprobs or wish.prompt_logprobs:
                raise HttpError(400, "a stream has one reply, and neither echo nor logprobs")
            return self._stream(wish, form, head)
        # of what the client has begun only the probabilities are wished for: then it is no part of what is read
        begun = None if wish.prompt_logprobs else wish.begun
        asked = [(prompt, _behind(prompt, begun)) for prompt in wish.prompts for _ in range(wish.replies)]
        seeds = [wish.sampling.seed + again for _ in wish.prompts for again in range(wish.replies)]
        replies = await self._replies(wish, asked, seeds)
        choices = []
        for place, ((prompt, behind), reply) in enumerate(zip(asked, replies, strict=True)):
            choice = await self._choice(wish, form, behind, reply)
            if wish.prompt_logprobs:
                choice["prompt_logprobs"] = await self._of_prompt(wish, prompt, reply)
            choices.append({"index": place, **choice})
        return {**head, "object": form.kind, "choices": choices, "usage": _usage(replies)}

    async def _replies(self, wish: Wish, asked: Sequence[tuple[Prompt, Prompt]], seeds: Sequence[int]) -> list[Reply]:
        """Let the model write behind each prompt; where nothing is to be written, only its tokens are counted."""
        if wish.sampling.max_tokens == 0 and wish.echo:
            found = [await self._trace(text_prompt(""), raw_text(behind) or "") for _, behind in asked]
            return [Reply("", cut=True, prompt_tokens=len(tokens)) for tokens in found]
        samplings = [replace(wish.sampling, seed=seed) for seed in seeds]
        pairs = zip(asked, samplings, strict=True)
        return await self.queue.ask([Writing(behind, sampling) for (_, behind), sampling in pairs])

    async def _choice(self, wish: Wish, form: Form, behind: Prompt, reply: Reply) -> dict[str, Any]:
        """Word one reply, with the probabilities of its tokens where they are wished for."""
        before = raw_text(behind) or ""
        text = before + reply.text if wish.echo else reply.text
        told = None
        if wish.logprobs:
            prompt, shown = (text_prompt(""), text) if wish.echo else (behind, reply.text)
            tokens = await self._trace(prompt, shown)
            told = _chat_logprobs(tokens) if form.chats else _logprobs(tokens)
        end = "length" if reply.cut else "stop"
        said = {"message": {"role": "assistant", "content": text}} if form.chats else {"text": text}
        return {**said, "logprobs": told, "finish_reason": end}

    async def _of_prompt(self, wish: Wish, prompt: Prompt, reply: Reply) -> list[dict[str, Any] | None]:
        """Tell the probabilities of a prompt's tokens as vLLM does; those of a conversation only of its begun reply."""
        raw = raw_text(prompt)
        if raw is not None:
            return [_vllm(token) for token in await self._trace(text_prompt(""), raw)]
        before: list[dict[str, Any] | None] = [None] * reply.prompt_tokens
        return before + [_vllm(token) for token in await self._trace(prompt, wish.begun or "")]

    async def _trace(self, prompt: Prompt, text: str) -> list[Token]:
        if not isinstance(self.queue.model, Traces):
            raise HttpError(400, "this model does not tell the probability of each token")
        return await self.queue.trace(prompt, text)

    async def _stream(self, wish: Wish, form: Form, head: Mapping[str, Any]) -> AsyncIterator[str]:
        kind = {**head, "object": f"{form.kind}.chunk" if form.chats else form.kind}
        prompt = _behind(wish.prompts[0], wish.begun)
        if form.chats:
            yield _event(kind, {"delta": {"role": "assistant", "content": ""}, "finish_reason": None})
        try:
            async for piece in self.queue.stream(prompt, wish.sampling):
                if isinstance(piece, Reply):
                    last: dict[str, Any] = {"delta": {}} if form.chats else {"text": ""}
                    yield _event(kind, {**last, "finish_reason": "length" if piece.cut else "stop"})
                    if wish.usage:
                        yield json.dumps({**kind, "choices": [], "usage": _usage([piece])})
                else:
                    said = {"delta": {"content": piece}} if form.chats else {"text": piece}
                    yield _event(kind, {**said, "finish_reason": None})
        except (LmloopError, RuntimeError) as bad:
            yield json.dumps(problem(str(bad)))
        yield "[DONE]"


def _behind(prompt: Prompt, begun: str | None) -> Prompt:
    """Give what the model goes on from: the prompt, and what of the reply is there already."""
    return prompt if begun is None else (*prompt, Turn("assistant", begun))


def _event(head: Mapping[str, Any], choice: Mapping[str, Any]) -> str:
    return json.dumps({**head, "choices": [{"index": 0, **choice}]}, ensure_ascii=False)


def _usage(replies: Sequence[Reply]) -> dict[str, int]:
    read, wrote = sum(reply.prompt_tokens for reply in replies), sum(reply.tokens for reply in replies)
    return {"prompt_tokens": read, "completion_tokens": wrote, "total_tokens": read + wrote}


def _logprobs(tokens: Sequence[Token]) -> dict[str, Any]:
    """Tell tokens as completions do. What is likeliest is known only where it is the token itself."""
    offsets, length = [], 0
    for token in tokens:
        offsets.append(length)
        length += len(token.text)
    return {
        "tokens": [token.text for token in tokens],
        "token_logprobs": [token.logprob for token in tokens],
        "top_logprobs": [_top(token) for token in tokens],
        "text_offset": offsets,
    }


def _top(token: Token) -> dict[str, float] | None:
    if token.logprob is None or token.greedy is None:
        return None
    return {token.text: token.logprob} if token.greedy else {token.text: token.logprob, "": 0.0}


def _chat_logprobs(tokens: Sequence[Token]) -> dict[str, Any]:
    rows = [
        {"token": token.text, "logprob": token.logprob, "bytes": list(token.text.encode()), "top_logprobs": []}
        for token in tokens
    ]
    return {"content": rows}


def _vllm(token: Token) -> dict[str, Any] | None:
    if token.logprob is None:
        return None
    rank = None if token.greedy is None else 1 if token.greedy else 2
    return {"0": {"logprob": token.logprob, "rank": rank, "decoded_token": token.text}}
