"""What runs inside the sandbox: a script of its own process that locks itself in, then runs a program.

It is started by :mod:`lmloop.scoring.sandbox` and imports nothing but the standard library. Each lock that the kernel
grants is reported; what it does not grant is made up for, as far as Python can, by an audit hook.
"""

import contextlib
import ctypes
import json
import os
import platform
import resource
import signal
import struct
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

NEW_USER, NEW_PID, NEW_NET, NEW_IPC = 0x10000000, 0x20000000, 0x40000000, 0x08000000
SET_PDEATHSIG, SET_SECCOMP, SET_NO_NEW_PRIVS = 1, 22, 38
LANDLOCK_CREATE, LANDLOCK_ADD, LANDLOCK_RESTRICT = 444, 445, 446
EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1, 2, 4, 8
CLONE_THREAD = 0x00010000
ALLOW, REFUSE, MISSING = 0x7FFF0000, 0x00050000 | 1, 0x00050000 | 38  # EPERM; ENOSYS

# the audit architecture; the number of clone; those of fork, vfork, socket, socketpair, ptrace, mount, umount2,
# unshare, setns, bpf, io_uring_setup, process_vm_writev, kill, tkill, pidfd_send_signal, perf_event_open, keyctl
CALLS = {
    "x86_64": (0xC000003E, 56, (57, 58, 41, 53, 101, 165, 166, 272, 308, 321, 425, 311, 62, 200, 424, 298, 250)),
    "aarch64": (0xC00000B7, 220, (198, 199, 117, 40, 39, 97, 268, 280, 425, 271, 129, 130, 424, 241, 219)),
}
CLONE3 = 435
WRITES = ("open", "os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate", "os.chmod")
LEAVES = ("socket.", "subprocess.", "os.fork", "os.exec", "os.posix_spawn", "os.system", "os.kill", "ctypes.")


def main() -> None:
    """Read what to run from the standard input, lock up, run it and tell how it went."""
    order = json.loads(sys.stdin.buffer.readline())
    program = sys.stdin.buffer.read().decode("utf-8", "replace")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
    locks = []
    if libc is not None:
        libc.prctl(SET_PDEATHSIG, signal.SIGKILL)
        libc.prctl(SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        if _new_namespaces(libc):
            locks.append("namespaces")
            _descend(libc)
        locks += [
            name for name, lock in (("landlock", _landlock), ("seccomp", _seccomp)) if lock(libc, order["folder"])
        ]
    _limit(order)
    os.chdir(order["folder"])
    if not {"landlock", "seccomp"} <= set(locks):
        sys.addaudithook(_warden(order["folder"]))
        locks.append("audit")
    _run(program, order["report"], {"locks": locks, "token": order["token"]})


def _run(program: str, report: int, told: dict[str, Any]) -> None:
    """Run a program as a module of its own, and report how it ended."""
    try:
        exec(compile(program, "<program>", "exec"), {"__name__": "__main__", "__builtins__": __builtins__})
        told |= {"status": "passed", "why": ""}
    except MemoryError:
        told |= {"status": "memory", "why": "MemoryError"}
    except BaseException as bad:
        last = traceback.format_exception_only(bad)[-1].strip()
        told |= {"status": "failed", "why": last[:2000]}
    with contextlib.suppress(Exception):
        sys.stdout.flush()
    os.write(report, json.dumps(told).encode())
    os._exit(0)


def _new_namespaces(libc: Any) -> bool:
    """Leave for namespaces of users, processes, networks and messages that hold nobody else."""
    user, group = os.getuid(), os.getgid()
    if libc.unshare(NEW_USER | NEW_PID | NEW_NET | NEW_IPC):
        return False
    with contextlib.suppress(OSError):
        Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1", encoding="ascii")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1", encoding="ascii")
    return True


def _descend(libc: Any) -> None:
    """Go on as the second process of the new namespace: when the first one ends, all others are killed."""
    for _ in range(2):
        if child := os.fork():
            _, status = os.waitpid(child, 0)
            os._exit(os.waitstatus_to_exitcode(status) & 255)
        libc.prctl(SET_PDEATHSIG, signal.SIGKILL)


def _landlock(libc: Any, folder: str) -> bool:
    """Allow reading where Python and the system's libraries lie, writing in the folder, and nothing else."""
    abi = libc.syscall(LANDLOCK_CREATE, None, 0, 1)
    if abi < 1:
        return False
    every = (1 << {1: 13, 2: 14, 3: 15, 4: 15}.get(abi, 16)) - 1
    sizes = struct.pack("QQQ", every, 3 if abi >= 4 else 0, 3 if abi >= 6 else 0)
    rules = libc.syscall(LANDLOCK_CREATE, sizes, 24 if abi >= 6 else 16 if abi >= 4 else 8, 0)
    if rules < 0:
        return False
    read = {sys.prefix, sys.base_prefix, "/usr", "/lib", "/lib64", "/etc/localtime", "/dev/urandom", *_packages()}
    for place, access in {**dict.fromkeys(read, EXECUTE | READ_FILE | READ_DIR), folder: every, os.devnull: 6}.items():
        if os.path.exists(place):  # noqa: PTH110
            flat = access if os.path.isdir(place) else access & ~READ_DIR  # noqa: PTH112
            rule = struct.pack("=Qi", flat, os.open(place, os.O_PATH | os.O_CLOEXEC))
            libc.syscall(LANDLOCK_ADD, rules, 1, rule, 0)
    return bool(libc.syscall(LANDLOCK_RESTRICT, rules, 0) == 0)


def _packages() -> list[str]:
    return [place for place in sys.path if place and not place.endswith(".zip")]


def _seccomp(libc: Any, _: str) -> bool:
    """Refuse sockets, new processes, signals and whatever could undo a lock; threads stay allowed."""
    if platform.machine() not in CALLS:
        return False
    arch, clone, refused = CALLS[platform.machine()]
    code = [
        (0x20, 0, 0, 4),  # load the architecture
        (0x15, 1, 0, arch),
        (0x06, 0, 0, REFUSE),
        (0x20, 0, 0, 0),  # load the number of the call
        (0x35, 0, 1, 0x40000000),  # the other numbering of x86
        (0x06, 0, 0, REFUSE),
        (0x15, 0, 1, CLONE3),  # its flags cannot be seen: without it the C library falls back to clone
        (0x06, 0, 0, MISSING),
    ]
    for number in refused:
        code += [(0x15, 0, 1, number), (0x06, 0, 0, REFUSE)]
    code += [
        (0x15, 0, 3, clone),
        (0x20, 0, 0, 16),  # load its flags
        (0x45, 1, 0, CLONE_THREAD),
        (0x06, 0, 0, REFUSE),
        (0x06, 0, 0, ALLOW),
    ]
    packed = b"".join(struct.pack("HBBI", *line) for line in code)
    kept = ctypes.create_string_buffer(packed)
    filters = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", len(code), ctypes.addressof(kept)))
    return bool(libc.prctl(SET_SECCOMP, 2, ctypes.byref(filters), 0, 0) == 0)


def _limit(order: dict[str, Any]) -> None:
    """Set limits of memory, processor time, file size, open files; no core dumps."""
    seconds = int(order["seconds"]) + 1
    wanted = {
        "RLIMIT_AS": order["memory"],
        "RLIMIT_CPU": seconds,
        "RLIMIT_FSIZE": order["disk"],
        "RLIMIT_NOFILE": 64,
        "RLIMIT_CORE": 0,
    }
    for name, value in wanted.items():
        with contextlib.suppress(ValueError, OSError, AttributeError):
            resource.setrlimit(getattr(resource, name), (value, value))


def _warden(folder: str) -> Callable[[str, tuple[Any, ...]], None]:
    """Make a hook that refuses what the kernel would not: it stops honest mistakes, not an expert."""
    home = os.path.realpath(folder)

    def refuse(event: str, details: tuple[Any, ...]) -> None:
        if event.startswith(LEAVES):
            raise PermissionError(f"{event} is not allowed here")
        if event.startswith(WRITES) and not (event == "open" and not _writes(details)):
            for detail in details[:1]:
                path = os.fsdecode(detail) if isinstance(detail, str | bytes) else ""
                if path and not os.path.realpath(path).startswith(home + os.sep) and path != os.devnull:
                    raise PermissionError(f"{path} may not be written")

    return refuse


def _writes(details: tuple[Any, ...]) -> bool:
    mode, flags = str(details[1] or ""), details[2] if isinstance(details[2], int) else 0
    return any(mark in mode for mark in "wax+") or bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))


if __name__ == "__main__":
    main()
