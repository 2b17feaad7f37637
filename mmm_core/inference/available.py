"""Memory that this process may still take, as the system and its control groups say."""

from __future__ import annotations

from pathlib import Path


def available_memory(root: Path = Path("/")) -> int | None:
    """Bytes that this process may still take: the least that /proc/meminfo and its control groups allow."""
    found = [_meminfo(root / "proc/meminfo"), *_control_groups(root)]
    known = [value for value in found if value is not None]
    return max(0, min(known)) if known else None


def _meminfo(path: Path) -> int | None:
    """Bytes available to a new program without swapping."""
    if not path.is_file():
        return None
    for line in path.read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None


def _control_groups(root: Path) -> list[int | None]:
    """What is left of the limits of this process's control groups, version 2 and 1, and of all those above them."""
    found: list[int | None] = []
    membership = root / "proc/self/cgroup"
    lines = membership.read_text().splitlines() if membership.is_file() else ["0::/"]
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            base, limit, used = root / "sys/fs/cgroup", "memory.max", "memory.current"
        elif "memory" in controllers.split(","):
            base, limit, used = (
                root / "sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes",
            )  # fmt: skip
        else:
            continue
        parts = [part for part in path.split("/") if part and part != ".."]
        for depth in range(len(parts) + 1):
            folder = base.joinpath(*parts[:depth])
            found.append(_left(folder / limit, folder / used, folder / "memory.stat"))
    return found


def _left(limit: Path, used: Path, stat: Path) -> int | None:
    """Limit less use; file pages that the kernel would give back are not counted as used."""
    most = _number(limit)
    if most is None:
        return None
    reclaimable = 0
    if stat.is_file():
        fields = dict(line.split()[:2] for line in stat.read_text().splitlines() if " " in line)
        reclaimable = int(fields.get("total_inactive_file", fields.get("inactive_file", 0)))
    return most - max((_number(used) or 0) - reclaimable, 0)


def _number(path: Path) -> int | None:
    """The number a file holds; None where there is no file, or it says there is no limit."""
    if not path.is_file():
        return None
    text = path.read_text().strip()
    return int(text) if text.isdigit() and int(text) < 2**60 else None
