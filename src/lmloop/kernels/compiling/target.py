"""The processor that the library of kernels is made for."""

import os
import platform
from dataclasses import dataclass, field
from typing import Any, Final

from llvmlite import binding

from lmloop.kernels.compiling.library import processor

V2: Final = ("cx16", "lahf_lm", "popcnt", "sse4_1", "sse4_2", "ssse3")
V3: Final = (*V2, "abm", "avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "movbe")
"""What Linux calls the abilities of the levels x86-64-v2 and x86-64-v3."""
_ABILITIES: Final = (
    "avx",
    "sse",
    "ssse",
    "bmi",
    "fma",
    "f16c",
    "abm",
    "movbe",
    "popcnt",
    "adx",
    "cx16",
    "lahf",
    "gfni",
)


@dataclass(frozen=True)
class Target:
    """``name`` and ``features`` as LLVM has them; what a processor must be able to do, as Linux names it."""

    name: str
    features: str = ""
    needs: list[str] = field(default_factory=list)

    def machine(self) -> Any:
        """Give what writes machine code for it, into a shared library."""
        binding.initialize_native_target()
        binding.initialize_native_asmprinter()
        triple = binding.Target.from_triple(binding.get_process_triple())
        return triple.create_target_machine(self.name, self.features, opt=3, reloc="pic", codemodel="default")


def target(wanted: str | None = None) -> Target:
    """Give the target that ``LMLOOP_KERNELS_TARGET`` names: ``host`` or a level of x86-64.

    Where it names none: x86-64-v3, which processors are since 2013; v2 if this machine's is none.

    Raises:
        ValueError: it is not known what a target needs.
    """
    wanted = os.environ.get("LMLOOP_KERNELS_TARGET", "") if wanted is None else wanted
    able = processor()
    if wanted == "host":
        needs = sorted(ability for ability in able if ability.startswith(_ABILITIES))
        return Target(binding.get_host_cpu_name(), binding.get_host_cpu_features().flatten(), needs)
    if platform.machine() != "x86_64":
        return Target(wanted or "generic")
    wanted = wanted or ("x86-64-v3" if able.issuperset(V3) else "x86-64-v2")
    known = {"x86-64-v3": V3, "x86-64-v2": V2, "x86-64": ()}
    if wanted not in known:
        raise ValueError(f"LMLOOP_KERNELS_TARGET={wanted}: choose one of host, {', '.join(known)}")
    return Target(wanted, needs=list(known[wanted]))
