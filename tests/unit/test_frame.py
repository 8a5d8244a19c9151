"""What holds the collection together: roles' variables, module documentation, the action group, the tarball."""

from __future__ import annotations

import importlib
import json
import pathlib
import re
import subprocess
import sys

import pytest
import yaml
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

ROOT = pathlib.Path(__file__).resolve().parents[2]
ROLES = sorted(path.name for path in (ROOT / "roles").iterdir() if path.is_dir())
MODULES = sorted(path.stem for path in (ROOT / "plugins/modules").glob("*.py"))
PLAYBOOKS = sorted((ROOT / "playbooks").glob("*.yml"))


def load(path: str) -> dict:
    return yaml.safe_load((ROOT / path).read_text()) or {}


def plugin(name: str):
    return importlib.import_module(f"ansible_collections.mydigitalstructure.aws.plugins.modules.{name}")


def asks_aws(name: str) -> bool:
    """Whether a module takes AWS's region and credentials."""
    return "extends_documentation_fragment" in yaml.safe_load(plugin(name).DOCUMENTATION)


def test_there_is_something_to_test():
    assert ROLES
    assert MODULES
    assert PLAYBOOKS


@pytest.mark.parametrize("role", ROLES)
def test_defaults_and_argument_specs_agree(role):
    defaults = load(f"roles/{role}/defaults/main.yml")
    options = load(f"roles/{role}/meta/argument_specs.yml")["argument_specs"]["main"]["options"]
    optional = {name for name, option in options.items() if not option.get("required")}
    # the platform's own variables are common to all roles; the inventory sets them
    assert {name for name in defaults if not name.startswith("platform_")} == {
        name for name in optional if not name.startswith("platform_")
    }
    for name, value in defaults.items():
        declared = options[name].get("default")
        if declared is not None:
            assert declared == value, name


@pytest.mark.parametrize("role", ROLES)
def test_a_role_has_its_parts(role):
    for part in ("README.md", "meta/main.yml", "meta/argument_specs.yml", "defaults/main.yml", "tasks/main.yml"):
        assert (ROOT / "roles" / role / part).is_file(), part


@pytest.mark.parametrize("name", MODULES)
def test_module_examples_fit_the_module(name, monkeypatch):
    """Every task of EXAMPLES that uses the module is validated against the spec that the module really has."""
    module = plugin(name)
    monkeypatch.setattr(sys, "argv", [name])
    tasks = [task for task in yaml.safe_load(module.EXAMPLES) if f"mydigitalstructure.aws.{name}" in task]
    assert tasks
    specs = []
    aws = importlib.import_module("ansible_collections.amazon.aws.plugins.module_utils.modules")
    base = aws.AnsibleAWSModule if asks_aws(name) else AnsibleModule

    class Captured(Exception):
        pass

    def capture(self, **settings):
        specs.append(settings)
        raise Captured

    monkeypatch.setattr(base, "__init__", capture)
    with pytest.raises(Captured):
        module.main()
    spec = {**(aws.aws_argument_spec() if asks_aws(name) else {}), **specs[0]["argument_spec"]}
    rules = {
        key: specs[0].get(key)
        for key in ("mutually_exclusive", "required_together", "required_one_of", "required_if", "required_by")
    }
    validator = ArgumentSpecValidator(spec, **rules)
    for task in tasks:
        arguments = {
            key: value
            for key, value in task[f"mydigitalstructure.aws.{name}"].items()
            if not (isinstance(value, str) and "{{" in value and spec.get(key, {}).get("type", "str") != "str")
        }
        if len(arguments) != len(task[f"mydigitalstructure.aws.{name}"]):
            continue  # a templated list cannot be validated; another example of the module shows it in full
        assert validator.validate(arguments).error_messages == [], task
    documented = yaml.safe_load(module.DOCUMENTATION)["options"]
    assert set(documented) == set(specs[0]["argument_spec"])


@pytest.mark.parametrize("name", MODULES)
def test_modules_say_check_mode_and_diff(name):
    documentation = yaml.safe_load(plugin(name).DOCUMENTATION)
    assert documentation["attributes"]["check_mode"]["support"] == "full"
    assert documentation["attributes"]["diff_mode"]["support"] in ("full", "none")
    assert yaml.safe_load(plugin(name).RETURN)


def test_the_action_group_covers_our_modules_and_the_stock_ones():
    runtime = load("meta/runtime.yml")
    members = runtime["action_groups"]["aws"]
    assert sorted(m for m in members if isinstance(m, str)) == [name for name in MODULES if asks_aws(name)]
    extended = next(m["metadata"]["extend_group"] for m in members if isinstance(m, dict))
    assert extended == ["amazon.aws.aws", "community.aws.aws"]


def test_every_module_has_the_action_that_runs_it_in_the_controller():
    actions = sorted((ROOT / "plugins/action").iterdir())
    assert [path.stem for path in actions] == MODULES
    # no links to one file: antsibull-docs takes a link for a redirect to a module of that name
    # they differ in the services alone
    assert len({re.sub(r'(, "[a-z0-9-]+")+\)', ")", path.read_text()) for path in actions}) == 1
    assert "ActionModule = _in_controller.ActionModule" in actions[0].read_text()


def test_pinned_requirements_have_hashes_and_no_addresses():
    for version in ("3.11", "3.13"):
        text = (ROOT / f"requirements/python{version}.txt").read_text()
        assert "://" not in text
        wanted = {
            line.split("[")[0] for line in (ROOT / "requirements/dev.in").read_text().split("\n") if line[:1].isalpha()
        }
        assert {name for name in wanted if f"\n{name}==" not in text} == set()


def test_pinned_npm_packages_have_hashes_and_no_addresses():
    packages = load("requirements/node/package-lock.json")["packages"]
    for name, package in packages.items():
        assert "resolved" not in package, name
        assert not name or package["integrity"].startswith("sha512-"), name
    assert packages[""]["dependencies"] == load("requirements/node/package.json")["dependencies"]


def test_the_tarball_installs_elsewhere_and_a_playbook_runs_by_name(tmp_path, lab):
    """Built, installed into an empty collections path, and run by FQCN from another directory."""
    galaxy = pathlib.Path(sys.executable).parent / "ansible-galaxy"
    subprocess.run(
        [galaxy, "collection", "build", "--output-path", tmp_path], cwd=ROOT, check=True, capture_output=True, text=True
    )
    (tarball,) = tmp_path.glob("mydigitalstructure-aws-*.tar.gz")
    environment = {
        "PATH": f"{pathlib.Path(sys.executable).parent}:/usr/bin:/bin",
        "HOME": str(tmp_path),
        "ANSIBLE_COLLECTIONS_PATH": str(tmp_path / "collections"),
        **lab.environment(),
    }
    install = [galaxy, "collection", "install", tarball, "--no-deps", "-p", tmp_path / "collections"]
    subprocess.run(install, cwd=tmp_path, env=environment, check=True, capture_output=True, text=True)
    installed = tmp_path / "collections/ansible_collections/mydigitalstructure/aws"
    files = {entry["name"] for entry in json.loads((installed / "FILES.json").read_text())["files"]}
    assert {"plugins/modules/network.py", "playbooks/site.yml", "roles/network/tasks/main.yml"} <= files
    assert not [name for name in files if name.startswith((".venv", ".build", ".cache", ".git/", ".ci"))]
    command = [galaxy.with_name("ansible-playbook"), "mydigitalstructure.aws.provision", "--check"]
    ran = subprocess.run(
        [*command, "-i", ROOT / "inventories/lab"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert lab.mutating() == []
