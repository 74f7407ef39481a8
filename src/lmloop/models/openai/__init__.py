"""Any OpenAI-compatible server: vLLM, SGLang, llama.cpp, Ollama, `lmloop serve`, or a provider."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NoReturn

from pydantic import Field, PositiveFloat, PositiveInt, field_validator

from lmloop.core.errors import RecipeError, StepError
from lmloop.core.model import Done, Prompt, Reply, Sampling
from lmloop.core.part import Part
from lmloop.models.openai import bodies
from lmloop.models.openai.crowd import gather
from lmloop.models.openai.judge import Judge
from lmloop.models.openai.line import Line, Refused, Terms

VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
SECRET = re.compile(r"://[^/]*@|[?&#][^=]*(key|token|secret|sig)[^=]*=", re.IGNORECASE)
EMBEDDED = 64
"""So many texts are embedded by one request."""


class OpenAI(Part):
    """Ask the model called ``model`` at ``url``, an address that goes up to ``/v1``.

    The key is read from the environment variable that ``key_from`` names, when it is needed, and is nowhere else.
    Conversations go to ``/chat/completions`` and raw texts to ``/completions``; a server that has no such thing takes
    them as what a user says with ``raw = "chat"``. ``scoring`` says how it tells the likelihood of a given text:
    ``echo`` (raw texts only) or ``prompt-logprobs`` (vLLM); ``auto`` finds out. ``logprobs`` asks for the
    probability of what is written, too. ``extra`` is added to the body of each request; a null in it takes a field
    away.

    At most ``concurrency`` requests are under way, and no more than ``requests_per_minute`` and ``tokens_per_minute``
    begin (0: as many as one likes). One that fails for a reason that may pass, or hears nothing for ``timeout``
    seconds, is sent again up to ``retries`` times, after ``wait`` seconds and then ever longer. What one request is
    refused is the error of its reply; a server that is not there, or lets us not in, ends the work.
    """

    model: str = Field(min_length=1)
    url: str = "https://api.openai.com/v1"
    key_from: str = "OPENAI_API_KEY"
    raw: Literal["completions", "chat"] = "completions"
    scoring: Literal["auto", "echo", "prompt-logprobs"] = "auto"
    logprobs: bool = False
    extra: dict[str, Any] = {}
    concurrency: PositiveInt = 32
    requests_per_minute: int = Field(0, ge=0)
    tokens_per_minute: int = Field(0, ge=0)
    timeout: PositiveFloat = 300.0
    retries: int = Field(8, ge=0)
    wait: PositiveFloat = 0.5

    @classmethod
    def named(cls, place: str) -> dict[str, Any]:
        """Read ``MODEL@URL``; a model without an address is OpenAI's own."""
        model, at, url = place.rpartition("@")
        return {"model": model, "url": url} if at and model else {"model": place}

    @classmethod
    def example(cls) -> "OpenAI":
        """Give one that asks a toy, served by this process for as long as it lives."""
        from lmloop.serving.local import toy_address

        return cls(model="toy", url=toy_address())

    @field_validator("url", mode="before")
    @classmethod
    def _address(cls, url: Any) -> Any:
        if not isinstance(url, str):
            return url
        if SECRET.search(url):
            _refuse_secret("the address of a model")
        whole = url if "://" in url else f"http://{url}"
        whole = re.sub(r"/(chat/completions|completions|embeddings)?/*$", "", whole)
        return whole if "/" in whole.partition("://")[2] else f"{whole}/v1"

    @field_validator("key_from", mode="before")
    @classmethod
    def _name_of_key(cls, name: Any) -> Any:
        if isinstance(name, str) and (not VARIABLE.fullmatch(name) or name.startswith("sk_")):
            _refuse_secret("'key_from'")
        return name

    @field_validator("extra", mode="before")
    @classmethod
    def _no_keys(cls, extra: Any) -> Any:
        if isinstance(extra, Mapping) and any(re.search("api.?key|authorization", str(name), re.I) for name in extra):
            _refuse_secret("'extra'")
        return extra

    def identity(self) -> dict[str, Any]:
        """Give what the replies depend on: how fast and how patiently one asks is no part of it."""
        told = ("use", "version", "model", "url", "raw", "scoring", "logprobs", "extra")
        return {name: value for name, value in super().identity().items() if name in told}

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling, done: Done | None = None) -> list[Reply]:
        """Ask for a text after each prompt, many at once, in order."""
        seeds = bodies.seeds(prompts, sampling.seed)

        async def write(line: Line, place: int) -> Reply:
            prompt = prompts[place]
            path, body = bodies.writing(prompt, sampling, seeds[place], self.raw == "chat")
            if self.logprobs:
                body["logprobs"] = True if "messages" in body else 1
            tokens = bodies.guess("".join(turn.text for turn in prompt)) + sampling.max_tokens
            try:
                return bodies.written(await line.post(path, self._whole(body), tokens), prompt, sampling)
            except Refused as why:
                return Reply("", error=str(why))

        return gather(write, len(prompts), self._terms, done)

    def score(self, pairs: Sequence[tuple[Prompt, str]], done: Done | None = None) -> list[Reply]:
        """Ask how likely each text is after its prompt, many at once, in order.

        Raises:
            RecipeError: the server does not tell it.
        """
        judge = Judge(self.model, self.url, self.scoring, self._whole)

        async def score(line: Line, place: int) -> Reply:
            prompt, text = pairs[place]
            try:
                return await judge.score(line, prompt, text)
            except Refused as why:
                return Reply(text, error=str(why))

        return gather(score, len(pairs), self._terms, done)

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Ask for a vector for each text.

        Raises:
            StepError: the server gives none.
        """
        parts = [texts[first : first + EMBEDDED] for first in range(0, len(texts), EMBEDDED)]

        async def embed(line: Line, place: int) -> list[list[float]]:
            part = parts[place]
            body = self._whole({"input": list(part), "encoding_format": "float"})
            try:
                return bodies.vectors(await line.post("/embeddings", body, bodies.guess("".join(part))), len(part))
            except Refused as why:
                raise StepError(f"{self.url} gives no embeddings of {self.model}: {why}") from None

        return [vector for found in gather(embed, len(parts), self._terms) for vector in found]

    @property
    def _terms(self) -> Terms:
        return Terms(**{name: getattr(self, name) for name in Terms.__slots__})

    def _whole(self, body: Mapping[str, Any]) -> dict[str, Any]:
        return bodies.merged({"model": self.model, **body}, self.extra)


def _refuse_secret(where: str) -> NoReturn:
    # never with the value: an error message is shown, logged and sent around
    raise RecipeError(
        f"model 'openai': {where} must not hold a key",
        hint="put the key into an environment variable and name that: key_from = 'OPENAI_API_KEY'",
    )
