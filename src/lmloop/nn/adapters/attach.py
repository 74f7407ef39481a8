"""Put a method's adapters on a model, under a name; several may sit on one base."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import cast

import torch
from torch import nn

from lmloop.core.errors import LmloopError
from lmloop.core.method import Method
from lmloop.core.sites import FeedForwards, LowRank, Rescale, Serial, Site
from lmloop.nn.adapters.adapted import GATES, Adapted, is_of_adapter
from lmloop.nn.adapters.feedforward import FeedForwardRider
from lmloop.nn.adapters.frame import Frame
from lmloop.nn.adapters.layout import form, head_width, places
from lmloop.nn.adapters.lowrank import LowRankRider, sizes
from lmloop.nn.adapters.nf4 import quantise_linears
from lmloop.nn.adapters.rescale import RescaleRider
from lmloop.nn.adapters.routing import TaskRouter
from lmloop.nn.adapters.seat import Rider, adapter_names, seat, seats
from lmloop.nn.adapters.serial import SerialRider

NAME = re.compile(r"[A-Za-z0-9_-]+")


def attach(model: nn.Module, method: Method, seed: int = 0, name: str = "default") -> Adapted:
    """Freeze a model and put new adapters on it; their first output is the model's own.

    The model is changed in place and keeps the names of its weights. The same seed gives the same adapters on every
    machine. The new adapters are active at once.

    Raises:
        LmloopError: the name is taken or is none.
        RecipeError, DataError: the method finds no place for itself in this model.
    """
    if not NAME.fullmatch(name):
        raise LmloopError(f"{name!r} is no name for an adapter", hint="use letters, digits, - and _")
    frame = frame_of(model) or Frame()
    if name in adapter_names(model):
        raise LmloopError(f"an adapter {name!r} sits on this model already", hint="remove it, or take another name")
    found = places(model)
    sites = method.sites(found)
    if (how := method.quantised()) is not None:
        quantise_linears(model, [place.name for place in found if place.part != "block"], how)
    for key, weight in model.named_parameters():
        if not is_of_adapter(key):
            weight.requires_grad_(False)
    chance = torch.Generator().manual_seed(seed)
    shared = _shared(model, sites, name, chance)
    for place, site in sites.items():
        module = model.get_submodule(place)
        rider = _rider(site, module, model, shared)
        rider.begin(chance)
        device = next((weight.device for weight in module.parameters()), torch.device("cpu"))
        seat(module, frame, place).adapters[name] = rider.to(device).train(module.training)
    frame.inputs = replace(frame.inputs, active=name)
    return Adapted(model, frame, method, name, seed)


def frame_of(model: nn.Module) -> Frame | None:
    """Give the frame that a model's adapters hang on, if there are any."""
    return next((one.frame for one in seats(model)), None)


def _shared(model: nn.Module, sites: Mapping[str, Site], name: str, chance: torch.Generator) -> TaskRouter | None:
    """Make the one router of a method that weighs by task."""
    by_task = next((site for site in sites.values() if isinstance(site, LowRank) and _reads_tasks(site)), None)
    if by_task is None or by_task.router is None:
        return None
    router = TaskRouter(by_task.router, by_task.experts)
    router.begin(chance)
    if not hasattr(model, GATES):
        model.add_module(GATES, nn.ModuleDict())
    cast(nn.ModuleDict, getattr(model, GATES))[name] = router.to(next(model.parameters()).device)
    return router


def _reads_tasks(site: Site) -> bool:
    return isinstance(site, LowRank) and site.router is not None and site.router.reads == "task"


def _rider(site: Site, module: nn.Module, model: nn.Module, shared: TaskRouter | None) -> Rider:
    if isinstance(site, LowRank):
        return LowRankRider(site, module, shared if _reads_tasks(site) else None)
    if isinstance(site, Rescale):
        return RescaleRider(site, module, head_width(model) if site.per_head else 0)
    if isinstance(site, FeedForwards):
        return FeedForwardRider(site, module)
    assert isinstance(site, Serial)
    known = form(module)
    assert known is not None
    return SerialRider(site, sizes(module.get_submodule(known.down))[1])
