"""Seconds and peak memory of `make demo` on an empty data folder.

python -m benchmarks.demo
"""

import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path


def tree_memory(root: int) -> int:
    """Resident bytes of a process and all it started."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
            except OSError:
                continue
            children.setdefault(parent, []).append(int(entry.name))
    total, waiting = 0, [root]
    while waiting:
        process = waiting.pop()
        waiting += children.get(process, [])
        try:
            total += int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        except OSError:
            continue
    return total


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        demo = subprocess.Popen(
            [sys.executable, "-m", "orchestration.demo"], env={**os.environ, "MMM_DATA_DIR": folder}
        )
        peak = 0

        def watch() -> None:
            nonlocal peak
            while demo.poll() is None:
                peak = max(peak, tree_memory(demo.pid))
                time.sleep(0.2)

        watcher = threading.Thread(target=watch)
        watcher.start()
        code = demo.wait()
        watcher.join()
        print(
            f"\n{time.perf_counter() - started:.1f} s, peak memory {peak / 2**30:.2f} GiB (resident, all processes)"
        )
    return code


if __name__ == "__main__":
    sys.exit(main())
