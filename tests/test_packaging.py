"""What is published stands alone: versions, absolute links, licences inside, a release by one command.

The archives themselves are built and checked by `scripts/build`, which CI runs.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from soundvcm.weights import parts

ROOT = Path(__file__).resolve().parent.parent
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_every_bundled_file_has_its_licence_and_origin_in_the_wheel() -> None:
    told = (ROOT / "LICENSES" / "README.md").read_text(encoding="utf-8")
    for part in parts():
        if not part.bundled:
            continue
        assert f"`{part.file}`" in told, part.file
        if part.licence != "MIT":
            assert (ROOT / "LICENSES" / f"{part.licence}.txt").is_file()
            assert part.licence in PROJECT["project"]["license"]
    for pattern in PROJECT["project"]["license-files"]:
        assert list(ROOT.glob(pattern)), pattern


def test_the_published_readme_links_to_addresses_only() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for rule in PROJECT["tool"]["hatch"]["metadata"]["hooks"]["fancy-pypi-readme"]["substitutions"]:
        text = re.sub(rule["pattern"], rule["replacement"], text)
    targets = re.findall(r"\]\(([^)]+)\)", text)
    assert len(targets) > 5
    for target in targets:
        assert target.startswith(("https://", "#")), target
    assert "https://raw.githubusercontent.com/soundvcm/soundvcm/v$HFPR_VERSION/docs/" in text


def test_the_address_is_the_same_everywhere() -> None:
    home = PROJECT["project"]["urls"]["Homepage"]
    assert all(address.startswith(home) for address in PROJECT["project"]["urls"].values())
    assert f'repository-code: "{home}"' in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    nodes = tomllib.loads((ROOT / "integrations/comfyui/pyproject.toml").read_text(encoding="utf-8"))
    assert nodes["project"]["urls"]["Repository"] == home
    rules = PROJECT["tool"]["hatch"]["metadata"]["hooks"]["fancy-pypi-readme"]["substitutions"]
    assert all(home.removeprefix("https://github.com") in rule["replacement"] for rule in rules)


def test_workflows_call_scripts_that_exist() -> None:
    if not (ROOT / ".github").is_dir():
        pytest.skip("an sdist has no workflows")
    called = set()
    for file in (ROOT / ".github" / "workflows").glob("*.yml"):
        for job in yaml.safe_load(file.read_text(encoding="utf-8"))["jobs"].values():
            for step in job["steps"]:
                called |= set(re.findall(r"scripts/\w+", step.get("run", "")))
    assert called >= {"scripts/setup", "scripts/check", "scripts/build"}
    assert all((ROOT / script).is_file() for script in called), called


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository of the files that a release changes."""
    for name in (
        "pyproject.toml",
        "CITATION.cff",
        "CHANGELOG.md",
        "scripts/release",
        "integrations/comfyui/pyproject.toml",
        "src/soundvcm/__init__.py",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    changes = (tmp_path / "CHANGELOG.md").read_text(encoding="utf-8")
    changes = changes.replace("## [Unreleased]\n", "## [Unreleased]\n\n### Added\n- A line.\n", 1)
    (tmp_path / "CHANGELOG.md").write_text(changes, encoding="utf-8")
    for words in (
        ("init", "-q", "-b", "main"),
        ("config", "user.name", "tester"),
        ("config", "user.email", "tester@example.org"),
        ("add", "-A"),
        ("commit", "-qm", "all"),
    ):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    return tmp_path


def release(place: Path, version: str) -> tuple[int, str]:
    done = subprocess.run(["bash", "scripts/release", version], cwd=place, capture_output=True, text=True)
    return done.returncode, done.stderr


def test_a_release_is_one_command(checkout: Path) -> None:
    code, said = release(checkout, "7.0.1")
    assert code == 0, said
    assert 'version = "7.0.1"' in (checkout / "pyproject.toml").read_text()
    assert 'version = "7.0.1"' in (checkout / "integrations/comfyui/pyproject.toml").read_text()
    assert '__version__ = "7.0.1"' in (checkout / "src/soundvcm/__init__.py").read_text()
    assert "version: 7.0.1" in (checkout / "CITATION.cff").read_text()
    changes = (checkout / "CHANGELOG.md").read_text()
    assert re.search(
        r"## \[Unreleased\]\n\n## \[7\.0\.1\] - \d{4}-\d\d-\d\d\n\n### Added\n- A line\.", changes
    )
    tags = subprocess.run(["git", "tag"], cwd=checkout, capture_output=True, text=True).stdout.split()
    assert tags == ["v7.0.1"]
    code, said = release(checkout, "7.0.2")
    assert code != 0 and "Unreleased" in said


@pytest.mark.parametrize(("version", "reason"), [("next", "0.2.0"), ("0.0.1", "is not after")])
def test_what_is_no_release(checkout: Path, version: str, reason: str) -> None:
    code, said = release(checkout, version)
    assert code != 0 and reason in said and len(said.splitlines()) == 1
    status = subprocess.run(["git", "status", "--porcelain"], cwd=checkout, capture_output=True, text=True)
    assert not status.stdout


def test_uncommitted_work_is_not_released(checkout: Path) -> None:
    (checkout / "CITATION.cff").write_text("")
    assert "commit first" in release(checkout, "7.0.1")[1]
