"""A judge: finds out how a server tells the likelihood of a given text, and asks for it."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeAlias

from lmloop.core.errors import RecipeError
from lmloop.core.model import Prompt, Reply, Token, raw_text, text_prompt
from lmloop.models.openai import likelihood
from lmloop.models.openai.bodies import guess, usage
from lmloop.models.openai.line import Line, Refused

Way: TypeAlias = Literal["echo", "prompt-logprobs"]

WAYS: tuple[Way, ...] = ("echo", "prompt-logprobs")
_KNOWN: dict[tuple[str, str], tuple[Way, ...]] = {}
"""What was found out about a model of a server, while this process lives."""


class Judge:
    """Scores texts; what prompts have how many tokens is asked once each."""

    def __init__(
        self, model: str, url: str, scoring: str, whole: Callable[[Mapping[str, Any]], dict[str, Any]]
    ) -> None:
        self.model, self.url, self.whole = model, url, whole
        self.ways = tuple(way for way in WAYS if way == scoring)
        self._lengths: dict[Prompt, asyncio.Task[int]] = {}
        self._lock = asyncio.Lock()
        self._cannot: RecipeError | None = None

    async def score(self, line: Line, prompt: Prompt, text: str) -> Reply:
        """Ask how likely a text is after its prompt.

        Raises:
            Refused: there is no answer to this.
            RecipeError: the server cannot score such a thing at all.
        """
        await self._find_ways(line)
        before = raw_text(prompt)
        if before is None and "prompt-logprobs" not in self.ways:
            raise RecipeError(
                f"{self.url} scores raw texts only, and no text after a conversation",
                hint="vLLM does (prompt-logprobs); or take a task, or a prompt profile, of raw text",
            )
        if not text:
            return Reply("", logprob=0.0, greedy=True)
        way = self.ways[0] if before is not None else "prompt-logprobs"
        tokens, read = await self._tokens(line, way, prompt, text)
        found = None if before is None else likelihood.first_of(tokens, before, text)
        if found is None:
            found = await self._length(line, prompt) if before != "" else 0, len(tokens) if read is None else read
        first, last = found[0], found[1] if read is None else read
        return likelihood.judged(tokens[first:last], text, first)

    async def _tokens(self, line: Line, way: Way, prompt: Prompt, text: str) -> tuple[list[Token], int | None]:
        """Give the tokens of prompt and text that the server repeats, and how many it says it read."""
        size = guess("".join(turn.text for turn in prompt) + text) + 1
        if way == "echo":
            body = likelihood.echo_body((raw_text(prompt) or "") + text)
            answer = await line.post("/completions", self.whole(body), size)
            return likelihood.echoed(answer), usage(answer)[0]
        path, body = likelihood.logprobs_body(prompt, text)
        tokens = likelihood.listed(await line.post(path, self.whole(body), size))
        return tokens, len(tokens)

    async def _length(self, line: Line, prompt: Prompt) -> int:
        """Ask how many tokens a prompt has, once for all who want to know."""

        async def ask() -> int:
            path, body = likelihood.prompt_body(prompt)
            return likelihood.counted(await line.post(path, self.whole(body), 1))

        if prompt not in self._lengths:
            self._lengths[prompt] = asyncio.create_task(ask())
        return await self._lengths[prompt]

    async def _find_ways(self, line: Line) -> None:
        """Find out which of the ways the server knows, by a small text."""
        async with self._lock:
            if self._cannot is not None:
                raise self._cannot
            if self.ways:
                return
            key = (self.url, self.model)
            if key not in _KNOWN:
                said = {way: await self._try(line, way) for way in WAYS}
                found = tuple(way for way in WAYS if said[way] is None)
                if not found:
                    self._cannot = RecipeError(
                        f"{self.url} does not tell how likely a given text is: {said['echo']}",
                        hint="let it write answers (--set TASK.by=writing), or serve it with vLLM or lmloop serve",
                    )
                    raise self._cannot
                _KNOWN[key] = found
            self.ways = _KNOWN[key]

    async def _try(self, line: Line, way: Way) -> str | None:
        """Score a small text; None where it went well, or what went wrong."""
        try:
            tokens, _ = await self._tokens(line, way, text_prompt("one two three"), " four")
        except (Refused, RecipeError) as bad:
            return str(bad)
        known = [token for token in tokens if token.logprob is not None]
        return None if len(known) > 1 else "it does not repeat the prompt"
