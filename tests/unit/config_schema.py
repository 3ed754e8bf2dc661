#!/usr/bin/env python3
"""Validates the files of tests/golden/config against the JSON Schema.

Every good file, every shipped one and every effective dump must pass;
of the bad ones a schema can see only some, but it must see those. TAP on
stdout. usage: config_schema.py SOURCE_ROOT
"""
import json
import pathlib
import sys

try:
    import jsonschema
    import yaml
except ImportError as e:
    print(f"1..0 # SKIP {e}")
    sys.exit(0)


class Loader(yaml.SafeLoader):
    """Without dates: they are texts in YAML 1.2."""


Loader.yaml_implicit_resolvers = {
    first: [r for r in resolvers if r[0] != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}

# Faults within single values; numbers may change, names may not.
VISIBLE = {
    "root-list", "root-text", "unknown-top", "unknown-plugin-key",
    "unknown-nested", "unknown-in-defaults", "bool-quoted", "bool-word",
    "int-text", "int-quoted", "int-range", "int-huge", "int-float",
    "duration", "size", "percent", "factor", "enum", "enum-habits",
    "text-empty", "text-too-long", "map-expected", "plugins-list",
    "plugin-text", "list-expected", "list-of-maps", "name-invalid",
    "kind-none", "kind-two", "command-with-blanks", "command-empty",
    "ready-two", "probe-two", "probe-none", "environment-list",
    "environment-names", "depends-docker", "depends-form", "config-form",
}


def faults(validator, path):
    text = path.read_text(encoding="utf-8")
    data = yaml.load(text, Loader=Loader)
    return [e.message[:200] for e in validator.iter_errors(data)]


def main():
    root = pathlib.Path(sys.argv[1])
    golden = root / "tests" / "golden" / "config"
    schema = json.loads((root / "config/plugind.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    good = sorted(golden.glob("good/*.yaml")) + sorted(
        golden.glob("good/*.json")) + [
            root / "config/plugind.yaml", root / "config/demo/plugind.yaml"]
    bad = [p for p in sorted(golden.glob("bad/*.yaml"))
           if p.stem.split("-", 1)[1] in VISIBLE]
    results = [(p, faults(validator, p), True) for p in good]
    results += [(p, faults(validator, p), False) for p in bad]
    results.append(("every visible fault has a file",
                    [] if len(bad) == len(VISIBLE) else ["some have none"],
                    True))
    print(f"1..{len(results)}")
    for number, (path, found, want) in enumerate(results, 1):
        verdict = "ok" if (not found) == want else "not ok"
        print(f"{verdict} {number} - {path}")
        for fault in found if want else []:
            print(f"# {fault}")


main()
