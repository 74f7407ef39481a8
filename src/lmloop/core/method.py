"""A method: how a model is tuned by weights beside its own, as plain settings."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, cast

from pydantic import BeforeValidator, SerializeAsAny

from lmloop.core.part import Part, build
from lmloop.core.sites import Place, Site


@dataclass(frozen=True, slots=True)
class Quantised:
    """The frozen matrices are kept in NF4: 4 bits a weight and a factor for each ``block`` of them.

    ``double`` keeps the factors themselves in 8 bits.
    """

    block: int = 64
    double: bool = True


class Method(Part):
    """Says what sits on which place of a model; :func:`lmloop.nn.adapters.attach.attach` builds it.

    ``learning_rate`` is what the publication trained with: a good first try.
    """

    learning_rate: ClassVar[float] = 2e-4

    @abstractmethod
    def sites(self, places: Sequence[Place]) -> Mapping[str, Site]:
        """Say what sits where, by the name of the place.

        Raises:
            RecipeError: the model has no such place.
        """

    def rates(self) -> Mapping[str, float]:
        """Give factors of the learning rate, by the last part of a tensor's name; 1 for what is not named."""
        return {}

    def quantised(self) -> Quantised | None:
        """Say how the frozen matrices are kept; None leaves them as they are."""
        return None


def build_method(spec: Any) -> Method:
    """Make the method that a recipe names, or gives as a table with ``use``.

    Raises:
        PartError, RecipeError: there is none of that name, or a setting is wrong.
    """
    return cast(Method, build("methods", spec))


AnyMethod = Annotated[SerializeAsAny[Method], BeforeValidator(build_method)]
"""A setting that holds a method: a recipe names it, or gives a table with ``use``."""
