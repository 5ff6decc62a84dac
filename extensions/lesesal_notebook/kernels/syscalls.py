"""Which system calls the sandbox's processes may not make: a seccomp filter, as values.

No capability is left in the sandbox, so most of these would fail anyway; the filter keeps a hole
in one of these parts of the Linux kernel from being in reach. A filter is a program of classic
BPF: instructions (code, jump if true, jump if false, constant) over ``struct seccomp_data``
(seccomp(2)).
"""

from __future__ import annotations

import errno
import functools
import os
import socket
import struct

from .sandbox import SandboxError

Instruction = tuple[int, int, int, int]

LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
ALLOW, ERROR = 0x7FFF0000, 0x00050000
NUMBER, ARCHITECTURE, FIRST_ARGUMENT = 0, 4, 16
ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
X32 = 0x40000000

NEW_NAMESPACES = 0x7E020080
FAMILIES = (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK)

# name: number on x86_64 (asm/unistd_64.h), number on aarch64 (asm-generic/unistd.h)
DENIED = {
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "pidfd_getfd": (438, 438),
    "kcmp": (312, 272),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "setns": (308, 268),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "fanotify_init": (300, 262),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "acct": (163, 89),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "reboot": (169, 142),
    "syslog": (103, 116),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "adjtimex": (159, 171),
    "clock_adjtime": (305, 266),
    "memfd_secret": (447, 447),
}
# Memory that is in no process and no file: not seen where the watcher counts instead of a cgroup.
UNCOUNTED = {
    "memfd_create": (319, 279),
    "shmget": (29, 194),
    "msgget": (68, 186),
    "semget": (64, 190),
}
CLONE, CLONE3, UNSHARE, SOCKET = (56, 220), (435, 435), (272, 97), (41, 198)


def program(machine: str | None = None, counted: bool = True) -> list[Instruction]:
    """The filter for a machine (``os.uname().machine``).

    Args:
        counted: whether a cgroup counts all memory.

    Raises:
        SandboxError: there is none for this machine.
    """
    machine = machine or os.uname().machine
    if machine not in ARCHITECTURES:
        raise SandboxError(f"There is no sandbox for processors of the kind {machine}.")
    here = list(ARCHITECTURES).index(machine)
    wanted: list[Instruction] = [
        (LOAD, 0, 0, ARCHITECTURE),
        (EQUAL, 1, 0, ARCHITECTURES[machine]),
        _error(errno.ENOSYS),
        (LOAD, 0, 0, NUMBER),
    ]
    if machine == "x86_64":
        wanted += [(AT_LEAST, 0, 1, X32), _error(errno.ENOSYS)]
    for numbers in (CLONE, UNSHARE):
        wanted += [
            (EQUAL, 0, 4, numbers[here]),
            (LOAD, 0, 0, FIRST_ARGUMENT),
            (ANY_BIT, 0, 1, NEW_NAMESPACES),
            _error(errno.EPERM),
            (RETURN, 0, 0, ALLOW),
        ]
    # Its flags lie in memory, where a filter can't look; libc then takes clone.
    wanted += [(EQUAL, 0, 1, CLONE3[here]), _error(errno.ENOSYS)]
    # Some families know nothing of network namespaces: vsock reaches the host of a virtual machine.
    wanted += [(EQUAL, 0, len(FAMILIES) + 3, SOCKET[here]), (LOAD, 0, 0, FIRST_ARGUMENT)]
    wanted += [(EQUAL, len(FAMILIES) - place, 0, family) for place, family in enumerate(FAMILIES)]
    wanted += [_error(errno.EAFNOSUPPORT), (RETURN, 0, 0, ALLOW)]
    for numbers in DENIED.values():
        wanted += [(EQUAL, 0, 1, numbers[here]), _error(errno.EPERM)]
    for numbers in () if counted else UNCOUNTED.values():
        wanted += [(EQUAL, 0, 1, numbers[here]), _error(errno.ENOSYS)]
    return [*wanted, (RETURN, 0, 0, ALLOW)]


@functools.cache
def packed(counted: bool) -> bytes:
    """The filter for this machine, as ``struct sock_filter`` has it."""
    return b"".join(struct.pack("HBBI", *each) for each in program(counted=counted))


def _error(number: int) -> Instruction:
    return (RETURN, 0, 0, ERROR | number)
