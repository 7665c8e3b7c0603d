"""What importing does, and what the public face consists of."""

from __future__ import annotations

import ast
import importlib
import inspect
import subprocess
import sys
import typing
from collections.abc import Iterator
from typing import Any

import pytest

import mcpauthkit
import mcpauthkit.audit
import mcpauthkit.guards
import mcpauthkit.policies
import mcpauthkit.services
import mcpauthkit.verifiers

# Hooks see every file, socket and process; whatever happens while only the kit's own modules load is the kit's doing.
PROBE = """
import sys
import anyio._backends._asyncio, cryptography, fastapi, fastmcp, httpx, jinja2, joserfc.jws, mcp.server.mcpserver
import pydantic_settings, uvicorn, mcp.server.auth.middleware.auth_context, fastmcp.server.auth, fastmcp.server.server

seen = []
def watch(event, arguments):
    if event in {"socket.connect", "socket.bind", "subprocess.Popen", "os.putenv", "os.mkdir"}:
        seen.append((event, repr(arguments)))
    if event == "open" and isinstance(arguments[0], str):
        path, mode = arguments[0], arguments[1] or "r"
        if not path.endswith((".py", ".pyc")) and ".pyc." not in path and "site-packages" not in path:
            seen.append((event, path, mode))

class Environment(type(sys.modules["os"].environ)):
    def __getitem__(self, name):
        frame = sys._getframe(1)
        while frame is not None:
            # Pydantic looks for a switch of its own whenever somebody defines a model.
            if "mcpauthkit" in frame.f_code.co_filename and not name.startswith("PYDANTIC_"):
                seen.append(("environment", name, frame.f_code.co_filename))
                break
            if "importlib" in frame.f_code.co_filename:
                break
            frame = frame.f_back
        return super().__getitem__(name)

sys.modules["os"].environ.__class__ = Environment
sys.addaudithook(watch)
import pytest

import mcpauthkit
for name in mcpauthkit.__all__:
    getattr(mcpauthkit, name)
sys.stdout.write(repr(seen))
"""


def test_importing_the_kit_touches_nothing() -> None:
    done = subprocess.run(  # noqa: S603  # our own interpreter and our own program
        [sys.executable, "-c", PROBE], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.stderr == ""
    assert done.stdout == "[]"


LIGHT = """
import sys, mcpauthkit
sys.stdout.write(" ".join(sorted(name for name in sys.modules if name.startswith("mcpauthkit."))))
"""


def test_importing_the_kit_loads_nothing_until_a_name_is_asked_for() -> None:
    done = subprocess.run(  # noqa: S603  # our own interpreter and our own program
        [sys.executable, "-c", LIGHT], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.stderr, done.stdout) == ("", "")


def test_what_type_checkers_see_of_the_kit_is_what_there_is() -> None:
    tree = ast.parse(inspect.getsource(mcpauthkit))
    imports = {
        alias.name: node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("mcpauthkit.")
        for alias in node.names
    }
    assert sorted(imports) == mcpauthkit.__all__ == [one for one in dir(mcpauthkit) if one in imports]
    for name, module in imports.items():
        assert getattr(mcpauthkit, name) is getattr(importlib.import_module(str(module)), name), name


def test_a_name_that_the_kit_does_not_have_is_an_error_like_any_other() -> None:
    with pytest.raises(AttributeError, match="'mcpauthkit' has no attribute 'JwtMiddleware'"):
        mcpauthkit.JwtMiddleware  # noqa: B018
    with pytest.raises(ImportError):
        exec("from mcpauthkit import JwtMiddleware")  # noqa: S102  # what users write


FACE = """
import sys, mcpauthkit
for name in mcpauthkit.__all__:
    getattr(mcpauthkit, name)
sys.stdout.write(" ".join(sorted({"redis", "key_value"} & {name.partition(".")[0] for name in sys.modules})))
"""


def test_importing_the_kit_loads_no_storage() -> None:
    # redis-py is an extra, and what is behind py-key-value takes time that an application in memory need not spend.
    done = subprocess.run(  # noqa: S603  # our own interpreter and our own program
        [sys.executable, "-c", FACE], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.stderr == ""
    assert done.stdout == ""


def is_protocol(value: type[Any]) -> bool:
    return bool(getattr(value, "_is_protocol", False))


def public_callables() -> Iterator[tuple[str, Any]]:
    for name in mcpauthkit.__all__:
        value = getattr(mcpauthkit, name)
        if inspect.isclass(value):
            yield name, value.__init__
            # Who calls a port needs no more than its name; who implements one imports from the port's room.
            methods = [] if is_protocol(value) else inspect.getmembers(value, inspect.isfunction)
            yield from ((f"{name}.{method}", function) for method, function in methods if not method.startswith("_"))
        elif inspect.isfunction(value):
            yield name, value


def kit_types(annotation: Any) -> Iterator[str]:
    for part in typing.get_args(annotation):
        yield from kit_types(part)
    if inspect.isclass(annotation) and annotation.__module__.startswith("mcpauthkit."):
        yield annotation.__name__


FACES = (
    mcpauthkit,
    mcpauthkit.audit,
    mcpauthkit.guards,
    mcpauthkit.policies,
    mcpauthkit.services,
    mcpauthkit.verifiers,
)
FACE_OF_TYPES = {name for face in FACES for name in face.__all__}


def test_every_type_in_a_public_signature_is_public() -> None:
    missing = {
        f"{owner}: {name}"
        for owner, function in public_callables()
        for annotation in typing.get_type_hints(function).values()
        for name in kit_types(annotation)
        if name not in FACE_OF_TYPES
    }
    assert missing == set()


def test_the_documented_import_paths_lead_to_the_same_objects() -> None:
    from mcpauthkit.auth_middleware import JwtAuthMiddleware, current_user  # noqa: PLC0415
    from mcpauthkit.auth_routes import oauth_meta_router  # noqa: PLC0415

    assert JwtAuthMiddleware is mcpauthkit.JwtAuthMiddleware
    assert current_user is mcpauthkit.current_user
    assert oauth_meta_router is mcpauthkit.oauth_meta_router
