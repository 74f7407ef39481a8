"""How many experts each layer should have, from data: where a first gradient is long, there is much to change.

MoLA's authors give layers experts by a pattern; which pattern is right hangs on model and data.
"""

from collections.abc import Sequence

from lmloop.nn.adapters.adapted import Adapted
from lmloop.nn.adapters.layout import places


def layer_needs(adapted: Adapted) -> list[float]:
    """Give the length of the gradient of each layer's adapters, after a backward pass over some rows.

    Any LoRA will do, and best one that has not learned yet.
    """
    layers = {place.name: place for place in places(adapted.model)}
    squares = [0.0] * next(iter(layers.values())).layers
    for place, rider in adapted.riders().items():
        for weight in rider.parameters():
            if weight.grad is not None:
                squares[layers[place].layer] += float(weight.grad.float().square().sum())
    return [square**0.5 for square in squares]


def allocate(needs: Sequence[float], total: int, least: int = 1) -> list[int]:
    """Share ``total`` experts among layers in proportion to what they need; each has ``least``.

    The largest remainders are rounded up, and of equal ones the lower layer's. The list is MoLA's setting ``experts``.
    """
    free = total - least * len(needs)
    assert free >= 0, "there are too few experts for the least that each layer shall have"
    whole = sum(needs)
    shares = [free * need / whole if whole else free / len(needs) for need in needs]
    counts = [int(share) for share in shares]
    by_rest = sorted(range(len(needs)), key=lambda layer: (counts[layer] - shares[layer], layer))
    for layer in by_rest[: free - sum(counts)]:
        counts[layer] += 1
    return [least + count for count in counts]
