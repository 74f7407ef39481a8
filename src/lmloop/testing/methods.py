"""The battery for methods."""

from lmloop.core.errors import LmloopError
from lmloop.core.method import Method
from lmloop.core.sites import FeedForwards, LowRank, Place, Rescale, Serial
from lmloop.testing.parts import blaming, check_part

LINEARS = {
    "self_attn": ("q_proj", "k_proj", "v_proj", "o_proj"),
    "mlp": ("gate_proj", "up_proj", "down_proj"),
}
LAYERS = 4


def check_method(method: Method) -> None:
    """Run the battery on a method.

    It must be documented and made again from its own settings; put something on the layers of a small decoder, the
    same each time, on places of the right kind; and give positive learning rates. Nothing is trained.
    """
    check_part(method, "methods")
    name, places = method.name(), decoder_places()
    kinds = {place.name: place.part for place in places}
    with blaming(method):
        sites = method.sites(places)
        assert sites, f"{name}: it puts nothing anywhere"
        assert sites == method.sites(places), f"{name}: it puts other things there each time"
        for place, site in sites.items():
            assert place in kinds, f"{name}: {place!r} is no place of the model"
            assert isinstance(site, LowRank | Rescale | Serial | FeedForwards), f"{name}: {site!r} is no site"
            on_block = isinstance(site, Serial | FeedForwards)
            assert on_block == (kinds[place] == "block"), f"{name}: a {type(site).__name__} cannot sit on {place}"
        assert all(rate > 0 for rate in (method.learning_rate, *method.rates().values())), f"{name}: a rate is not > 0"
        try:
            method.sites([])
        except LmloopError:
            return
        raise AssertionError(f"{name}: a model without layers must be refused with an LmloopError")


def decoder_places() -> list[Place]:
    """List the places of a small decoder with the names of Llama's."""
    found = []
    for layer in range(LAYERS):
        for module, linears in LINEARS.items():
            path = f"model.layers.{layer}.{module}"
            if module == "mlp":
                found.append(Place(path, module, "block", layer, LAYERS))
            in_block = module == "mlp"
            found += [
                Place(f"{path}.{linear}", linear, "ffn" if in_block else "attention", layer, LAYERS)
                for linear in linears
            ]
    return found
