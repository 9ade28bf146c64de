"""What is kept stays: through sweeps and restarts, with its clip; what was deleted can be brought back."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any


def address(take: dict[str, Any]) -> str:
    return str(take["sound"]).removesuffix("/sound")


def test_kept_takes_outlive_age_and_restarts(serve: Any, clip: Path, tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    served = serve(folder=folder, keep=True, keep_seconds=60)
    done = served.finish(served.submit(clip, takes="3"))
    other = served.finish(served.submit(prompt="rain", duration="1"))
    kept = address(done["takes"][1])
    assert served.client.put(kept, data={"kept": "true"}).json()["kept"]
    served.studio.sweep(time.monotonic() + 61)
    assert [take["take"] for take in served.get(f"/api/jobs/{done['id']}").json()["takes"]] == [2]
    assert served.get(f"{kept}/sound").status_code == 200
    assert served.get(f"/api/clips/{done['clip']}").status_code == 200, "the clip of a kept take went"
    assert served.get(f"/api/jobs/{other['id']}").status_code == 404
    served.studio.close()
    later = serve(folder=folder, keep=True, keep_seconds=60)
    (take,) = later.get(f"/api/jobs/{done['id']}").json()["takes"]
    assert take["kept"] and later.get(take["video"]).status_code == 200
    later.client.put(kept, data={"kept": "false"})
    later.studio.sweep(time.monotonic() + 61)
    assert later.get(f"/api/jobs/{done['id']}").status_code == 404
    assert later.get(f"/api/clips/{done['clip']}").status_code == 404


def test_deleting_can_be_undone_for_a_while(serve: Any) -> None:
    served = serve(undo_seconds=100)
    done = served.finish(served.submit(prompt="rain", duration="1", takes="2"))
    first, second = map(address, done["takes"])
    content = served.get(f"{first}/sound").content
    assert served.delete(f"{first}?undo=true").status_code == 204
    assert served.get(f"{first}/sound").status_code == 404
    back = served.client.post(f"{first}/restore")
    assert back.status_code == 200 and served.get(f"{first}/sound").content == content
    assert [take["take"] for take in served.get(f"/api/jobs/{done['id']}").json()["takes"]] == [1, 2]
    served.delete(f"{first}?undo=true")
    served.studio.sweep(time.monotonic() + 101)
    assert served.client.post(f"{first}/restore").status_code == 404
    assert served.delete(second).status_code == 204
    assert served.client.post(f"{second}/restore").status_code == 404


def test_when_it_was_last_used_survives_a_restart(serve: Any, clip: Path, tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    served = serve(folder=folder, keep=True)
    done = served.finish(served.submit(clip))
    studio = served.studio
    for one in (studio.job(done["id"]), studio.clips.get(done["clip"])):
        one.used, one.touched = time.monotonic() - 1000, 0.0  # as if its record had not been touched since
    studio.close()
    later = serve(folder=folder, keep=True, keep_seconds=1500)
    assert 999 < time.monotonic() - later.studio.job(done["id"]).used < 1100
    later.studio.sweep(time.monotonic() + 501)
    assert later.get(f"/api/jobs/{done['id']}").status_code == 404
    assert later.get(f"/api/clips/{done['clip']}").status_code == 404
