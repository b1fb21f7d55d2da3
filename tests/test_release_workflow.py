"""The workflow of a release: valid, on the versions of Python that the program supports, and without rights that it does not need."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import yaml
from files import ROOT

FILE = ROOT / '.github' / 'workflows' / 'release.yml'
JOBS: dict[str, dict[str, Any]] = yaml.safe_load(FILE.read_text())['jobs']
RUNS = [step['run'] for job in JOBS.values() for step in job['steps'] if 'run' in step]


def test_the_workflow_has_the_schema_of_workflows() -> None:
    check: list[str | Path] = [Path(sys.prefix, 'bin', 'check-jsonschema'), '--builtin-schema', 'vendor.github-workflows', FILE]
    done = subprocess.run(check, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_tests_run_on_every_supported_python_before_anything_is_published() -> None:
    project = tomllib.loads((ROOT / 'pyproject.toml').read_text())['project']
    supported = re.findall(r'Python :: (3\.\d+)', ' '.join(project['classifiers']))
    assert JOBS['test']['strategy']['matrix']['python'] == supported
    assert project['requires-python'] == f'>={supported[0]}'
    assert [JOBS[name]['needs'] for name in ('build', 'image', 'publish')] == ['test', 'test', ['build', 'image']]


def test_only_publishing_jobs_may_write() -> None:
    assert yaml.safe_load(FILE.read_text())['permissions'] == {'contents': 'read'}
    writing = {name: job['permissions'] for name, job in JOBS.items() if 'permissions' in job}
    assert writing == {'image': {'contents': 'read', 'packages': 'write'}, 'publish': {'contents': 'write'}}


def test_nothing_from_outside_becomes_part_of_a_script() -> None:
    assert RUNS
    assert not any('${{' in script for script in RUNS)


def test_the_image_is_built_for_both_architectures() -> None:
    [build] = [step for step in JOBS['image']['steps'] if step.get('uses', '').startswith('docker/build-push-action')]
    assert build['with']['platforms'] == 'linux/amd64,linux/arm64'


def test_the_version_that_the_tag_is_compared_with_is_that_of_the_project() -> None:
    [script] = [script for script in RUNS if 'GITHUB_REF_NAME" = ' in script]
    [version] = re.findall(r'\$\((sed .+?)\)"$', script)
    printed = subprocess.run(['sh', '-c', version], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    assert printed == tomllib.loads((ROOT / 'pyproject.toml').read_text())['project']['version']
