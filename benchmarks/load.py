"""Many clients at one studio on the loopback: is a result ever lost or another's, does memory grow?

    python benchmarks/load.py --clients 50 --jobs 2
    python benchmarks/load.py --clients 50 --jobs 2 --upload examples/clips/bounce.mp4
    python benchmarks/load.py --clients 12 --jobs 3 --equal --batches 1 4     # what batching gains

Starts `soundvcm serve` as a process of its own. Every client asks for a sound of its own length and seed,
again and again, waits its turn (trying again when the queue is full) and checks what it gets: length, seed,
the same sound each time. With --upload each job brings its clip, and forgets it at the end. Prints one JSON
object; exit code 1 if anything was lost or swapped.
"""

from __future__ import annotations

import argparse
import io
import json
import re
import statistics
import threading
import time
import wave
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from studio_process import SERVE, studio

RATE = 16_000
PATIENCE = 0.2  # s between tries while the queue is full
ROUNDING = 4  # of the 2**15 steps of a sample: a batch adds up in another order than a take alone


@dataclass
class Found:
    """What the clients saw."""

    waits: list[float] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def fault(self, kind: str, words: str) -> None:
        """Something went wrong."""
        with self.lock:
            self.counts[kind] += 1
            self.faults.append(f"{kind}: {words}")


def client(
    address: str,
    number: int,
    jobs: int,
    end: float,
    found: Found,
    equal: bool = False,
    upload: Path | None = None,
) -> None:
    """One client: asks for its own sound `jobs` times and checks every answer."""
    seed = 1000 + number
    samples = RATE + (0 if equal else 160 * number)  # 1 s, and 10 ms more for each client
    fields = {"prompt": f"client {number}", "duration": f"{samples / RATE:.2f}", "seed": str(seed)}
    before: np.ndarray | None = None
    with httpx.Client(base_url=address, timeout=600, trust_env=False) as studio:
        for _ in range(jobs):
            began = time.perf_counter()
            try:
                content = one_job(studio, fields, end, found, upload)
            except (httpx.HTTPError, KeyError, ValueError) as error:
                found.fault("lost", f"client {number}: {type(error).__name__}: {error}")
                continue
            if content is None:
                found.fault("lost", f"client {number}: no time left")
                continue
            with wave.open(io.BytesIO(content)) as sound:
                length = sound.getnframes()
                heard = np.frombuffer(sound.readframes(length), "<i2").astype(np.int32)
            right = length == samples and str(seed).encode() in content
            if not right or before is not None and np.abs(heard - before).max() > ROUNDING:
                found.fault("swapped", f"client {number}: {length} samples where {samples} were asked")
            before = heard if right else None
            with found.lock:
                found.counts["done"] += 1
                found.waits.append(time.perf_counter() - began)


def one_job(
    studio: httpx.Client, fields: dict[str, str], end: float, found: Found, upload: Path | None = None
) -> bytes | None:
    """Submit, follow the events to the end, fetch the sound, forget the job; None when time is up."""
    while True:
        if time.monotonic() > end:
            return None
        files = None if upload is None else {"video": (upload.name, upload.read_bytes())}
        answer = studio.post("/api/jobs", data=fields, files=files)
        if answer.status_code != 429:
            break
        with found.lock:
            found.counts["told to wait"] += 1
        time.sleep(PATIENCE)
    job = answer.raise_for_status().json()
    with studio.stream("GET", f"/api/jobs/{job['id']}/events") as events:
        for _ in events.iter_lines():
            pass
    done = studio.get(f"/api/jobs/{job['id']}").raise_for_status().json()
    if done["state"] != "done" or [take["seed"] for take in done["takes"]] != [int(fields["seed"])]:
        raise ValueError(f"state {done['state']}: {done['error']}")
    content = studio.get(done["takes"][0]["sound"]).raise_for_status().content
    studio.delete(f"/api/jobs/{job['id']}").raise_for_status()
    if done.get("clip") is not None:
        studio.delete(f"/api/clips/{done['clip']}").raise_for_status()
    return content


def resident_mib(pid: int) -> float | None:
    """Memory of a process, where the system tells."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        return None
    (kib,) = re.findall(r"VmRSS:\s+(\d+) kB", status.read_text())
    return int(kib) / 1024


def crowd(
    address: str, clients: int, jobs: int, seconds: float, equal: bool = False, upload: Path | None = None
) -> Found:
    """All clients at once, for at most `seconds`."""
    found, end = Found(), time.monotonic() + seconds
    threads = [
        threading.Thread(target=client, args=(address, k, jobs, end, found, equal, upload), daemon=True)
        for k in range(clients)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(1.0, end + 60 - time.monotonic()))
    found.counts["lost"] += sum(thread.is_alive() for thread in threads)
    return found


def measure(
    words: list[str],
    clients: int,
    jobs: int,
    seconds: float,
    equal: bool = False,
    upload: Path | None = None,
) -> dict[str, Any]:
    """Start a studio by the command `words`, load it twice, and say what came of it."""
    with studio(words) as (address, pid):
        warm = crowd(address, clients, 1, seconds, equal, upload)  # every length has been seen once
        settled = resident_mib(pid)
        began = time.perf_counter()
        found = crowd(address, clients, jobs, seconds, equal, upload)
        took = time.perf_counter() - began
        after = resident_mib(pid)
        left = httpx.get(f"{address}/metrics", trust_env=False).text
    waits = sorted(found.waits) or [0.0]
    return {
        "clients": clients,
        "asked": clients * jobs,
        "done": found.counts["done"],
        "lost": found.counts["lost"] + warm.counts["lost"],
        "swapped": found.counts["swapped"] + warm.counts["swapped"],
        "told_to_wait": found.counts["told to wait"],
        "seconds": round(took, 2),
        "jobs_a_second": round(found.counts["done"] / took, 2),
        "wait_median_s": round(statistics.median(waits), 3),
        "wait_95_percent_s": round(waits[int(0.95 * (len(waits) - 1))], 3),
        "memory_before_mib": settled and round(settled, 1),
        "memory_after_mib": after and round(after, 1),
        "bytes_left": float(re.findall(r"^soundvcm_stored_bytes (\S+)$", left, re.M)[0]),
        "batched_takes": float(re.findall(r"^soundvcm_batched_takes_total (\S+)$", left, re.M)[0]),
        "faults": (warm.faults + found.faults)[:10],
    }


def compare(
    words: list[str], batches: list[int], rounds: int, load: tuple[int, int, float, bool, Path | None]
) -> dict[str, Any]:
    """The same load on studios that differ in --max-batch, in turns; jobs a second by those of the first."""
    runs: dict[int, list[dict[str, Any]]] = {batch: [] for batch in batches}
    for _ in range(rounds):
        for batch in batches:
            runs[batch].append(measure([*words, "--max-batch", str(batch)], *load))
    speed = {batch: statistics.median(run["jobs_a_second"] for run in found) for batch, found in runs.items()}
    every = [run for found in runs.values() for run in found]
    return {
        "lost": sum(run["lost"] for run in every),
        "swapped": sum(run["swapped"] for run in every),
        "ratio": {batch: round(value / speed[batches[0]], 2) for batch, value in speed.items()},
        "runs": runs,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--jobs", type=int, default=2, help="of each client, after one to warm up")
    parser.add_argument("--seconds", type=float, default=300, help="no new job after so long")
    parser.add_argument("--model", default="tiny")
    parser.add_argument("--equal", action="store_true", help="all ask for one length, which can be batched")
    parser.add_argument(
        "--batches", type=int, nargs="*", default=[], help="a studio for each --max-batch, and their ratios"
    )
    parser.add_argument("--rounds", type=int, default=1, help="of --batches, in turns")
    parser.add_argument("--upload", type=Path, help="a clip that every job brings")
    given = parser.parse_args()
    words = [*SERVE, "--model", given.model]
    load = (given.clients, given.jobs, given.seconds, given.equal, given.upload)
    if given.batches:
        report = compare(words, given.batches, given.rounds, load)
    else:
        report = measure(words, *load)
    print(json.dumps(report, indent=1))
    return int(bool(report["lost"] or report["swapped"]))


if __name__ == "__main__":
    raise SystemExit(main())
