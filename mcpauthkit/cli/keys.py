"""`mcpauthkit keys`: the keys that open encrypted tokens, from their making to their end."""

from __future__ import annotations

import base64
import re
import shlex
import sys
from pathlib import Path
from typing import Annotated, Final

from cyclopts import App, Parameter

from mcpauthkit.cli.output import Switch, print_json
from mcpauthkit.core.secret import Secret
from mcpauthkit.errors import ConfigurationError
from mcpauthkit.identity.destroyed_keys import destroy_keys
from mcpauthkit.identity.key_folder import KeyFolder
from mcpauthkit.identity.new_keys import NewKeyKind

Folder = Annotated[Path, Parameter(name=("--output", "-o"))]
_Namespace = Annotated[str, Parameter(name=("--namespace", "-n"))]
_SecretName = Annotated[str, Parameter(name=("--secret-name", "-s"))]
_FOLDER: Final = Path(".keys")
_DATA_KEY: Final = "mcp_jwks"
# What Kubernetes takes for names (RFC 1123): a label, and labels with dots in between.
_LABEL: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_MAX_NAME_LENGTH: Final = 253


def group() -> App:
    """The commands about keys for encrypted tokens."""
    app = App(name="keys", help="Make, ship, rotate and destroy the keys that encrypted tokens are opened with.")
    for command in (generate, k8s, rotate, clean):
        app.command(command)
    return app


def generate(*, output: Folder = _FOLDER, kind: NewKeyKind = "rsa-4096", json: Switch = False) -> int:
    """Write a new key pair: mcp-private.json for the server, mcp-public.json for whoever makes its tokens.

    Both are JWK sets that their owner alone can read, in a folder that is closed to others and that git ignores. What
    is there already is never overwritten.

    Args:
        output: The folder; it is made if it is not there.
        kind: What kind of key.
        json: Print where they are as JSON.
    """
    folder = KeyFolder(output)
    key_id = folder.create(kind)
    if json:
        print_json({"private": str(folder.private), "public": str(folder.public), "key_id": key_id})
        return 0
    print(f"A key pair is made, {kind}, with the id {key_id}.")
    print(f"Private: {folder.private}  (for the server: MCP_KEY_FILE_PATH={folder.private})")
    print(f"Public:  {folder.public}  (for the issuer; the server publishes it at /.well-known/jwks.json too)")
    return 0


def k8s(
    *,
    output: Folder = _FOLDER,
    namespace: _Namespace = "default",
    secret_name: _SecretName = "mcp-server-keys",  # noqa: S107  # the name of one
    kind: NewKeyKind = "rsa-4096",
) -> int:
    """Print the private keys as a Kubernetes Secret, for `kubectl apply -f -`; they are made if there are none.

    Nothing else goes to standard output. The keys stand in the Secret's data under mcp_jwks.

    Args:
        output: The folder that the keys are in, or are made in.
        namespace: The Secret's namespace.
        secret_name: The Secret's name.
        kind: What kind of key to make, if there is none.
    """
    _check_name("--namespace", namespace, _LABEL.fullmatch(namespace) is not None)
    labels = secret_name.split(".")
    is_name = len(secret_name) <= _MAX_NAME_LENGTH and all(_LABEL.fullmatch(one) for one in labels)
    _check_name("--secret-name", secret_name, is_name)
    folder = KeyFolder(output)
    if not folder.has_keys():
        folder.create(kind)
        print(f"A key pair is made in {output}.", file=sys.stderr)
    print(_secret(namespace, secret_name, folder.private_text()), end="")
    print(f"When the cluster has it, destroy what is here: mcpauthkit keys clean{_where(output)}", file=sys.stderr)
    return 0


def rotate(
    *,
    output: Folder = _FOLDER,
    publish: Switch = False,
    finish: Switch = False,
    kind: NewKeyKind = "rsa-4096",
    json: Switch = False,
) -> int:
    """Change the key without a token that does not open, in three steps; after each, every server gets the new file.

    First, without an option: a new key is added, which opens and is not published. Then, with --publish: it is
    published instead of the older ones, which go on opening. Last, with --finish, when the last token encrypted to
    those has ended: they are taken out. Servers read the file when they start.

    Args:
        output: The folder that the keys are in.
        publish: The second step.
        finish: The last step.
        kind: What kind of key to add.
        json: Print what was done as JSON.
    """
    if publish and finish:
        raise ConfigurationError("These are two steps.", hint="Give --publish or --finish.")
    folder = KeyFolder(output)
    if publish:
        told: dict[str, object] = {"step": "publish", "published": folder.publish()}
        text = f"{told['published']} is published; the older ones open. Give every server {folder.private}, and"
        text += f"\nthe issuer {folder.public} if it does not fetch the key. Then, when no older token is in use:"
        text += f"\nmcpauthkit keys rotate --finish{_where(output)}"
    elif finish:
        told = {"step": "finish", "removed": folder.drop()}
        text = f"Older keys taken out: {told['removed']}. Give every server {folder.private}."
    else:
        told = {"step": "add", "added": folder.add(kind)}
        text = f"{told['added']} opens and is not published. Give every server {folder.private}, then:"
        text += f"\nmcpauthkit keys rotate --publish{_where(output)}"
    if json:
        print_json(told)
    else:
        print(text)
    return 0


def clean(*, output: Folder = _FOLDER, json: Switch = False) -> int:
    """Overwrite the key files and remove them; tokens encrypted to these keys open nowhere without a copy.

    Only files that hold keys are touched, and no links. On flash, and on file systems that copy when they write, older
    copies may stay until their place is used again: where that matters, rotate the key as well.

    Args:
        output: The folder that the keys are in.
        json: Print what was destroyed as JSON.
    """
    destroyed = [str(path) for path in destroy_keys(KeyFolder(output))]
    if json:
        print_json({"destroyed": destroyed})
    else:
        print(*(f"Destroyed: {path}" for path in destroyed) if destroyed else (f"No keys in {output}.",), sep="\n")
    return 0


def _where(output: Path) -> str:
    return "" if output == _FOLDER else f" -o {shlex.quote(str(output))}"


def _check_name(option: str, value: str, is_name: object) -> None:
    if not is_name:
        raise ConfigurationError(
            f"{option}={value!r:.80} is no name in Kubernetes.", hint="Use lower-case letters, digits and hyphens."
        )


def _secret(namespace: str, name: str, content: Secret) -> str:
    import yaml  # noqa: PLC0415  # of no use to the other commands, and not quick to import

    document = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace},
        "type": "Opaque",
        "data": {_DATA_KEY: base64.b64encode(content.reveal().encode()).decode()},
    }
    text: str = yaml.safe_dump(document, sort_keys=False, width=sys.maxsize)
    return text
