"""The battery: what every part must pass. Plug-in authors run the same checks as lmloop itself.

In a test of your part::

    from lmloop.testing import check_op

    def test_battery():
        check_op(NoShouting(most=0.2))

Each check raises :class:`AssertionError` with one sentence that says what is wrong. ``lmloop check part``
runs them from the command line.
"""

from lmloop.testing.methods import check_method
from lmloop.testing.models import check_model
from lmloop.testing.ops import check_op
from lmloop.testing.parts import check_part
from lmloop.testing.readers import check_reader
from lmloop.testing.steps import check_step
from lmloop.testing.tasks import check_task

__all__ = ["check_method", "check_model", "check_op", "check_part", "check_reader", "check_step", "check_task"]
