"""What a fit is asked to foretell."""

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from lmloop.kernels.scaling.numbers import number

Count = Annotated[float, BeforeValidator(number), Field(gt=0, allow_inf_nan=False)]
"""A number above zero, also as people write it: 70B, 1.4T, 5.76e23."""


class Asked(BaseModel):
    """A run: ``params`` and ``tokens``; or ``flops`` alone, which asks for the best run of that budget."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    params: Count | None = None
    tokens: Count | None = None
    flops: Count | None = None

    @model_validator(mode="after")
    def _one_or_the_other(self) -> "Asked":
        sized = self.params is not None and self.tokens is not None
        if sized == (self.flops is not None) or (self.params is None) != (self.tokens is None):
            raise ValueError("give params and tokens, or flops alone")
        return self
