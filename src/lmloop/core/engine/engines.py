"""The engines, by name: workers of this machine, or of a cluster."""

from lmloop.core.engine.pool import Pool
from lmloop.core.step import Context


def open_pool(context: Context) -> Pool:
    """Give the workers that a context asks for: processes of this machine, or tasks on a Ray cluster."""
    if context.engine == "ray":
        from lmloop.core.engine.cluster import RayPool

        return RayPool(context.workers, context.progress, context.memory)
    return Pool(context.workers, context.progress, context.memory)
