"""Files that the commands are given: policies and tests of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from mcpauthkit.access.policy.document import Policy
from mcpauthkit.access.policy.policy_set import Wanted, load
from mcpauthkit.access.policy.reading import Document, read_bytes, read_document
from mcpauthkit.access.policy.sources import is_tests, read_all
from mcpauthkit.access.review.cases import CaseFile
from mcpauthkit.access.review.samples import custom_conditions
from mcpauthkit.errors import ConfigurationError, PolicyInvalid

_TEST = ".test"


def documents_at(paths: Iterable[Path]) -> tuple[Document[Policy], ...]:
    """The policies in files and folders, as a server would load them together.

    Args:
        paths: Files and folders.

    Raises:
        PolicyInvalid: Something is wrong with one of them; every fault of every file is told.
        ConfigurationError: A path leads nowhere.
    """
    sources = tuple(paths)
    for path in sources:
        _check_there(path)
        if is_tests(path):
            raise ConfigurationError(
                f"{path} is a file of tests.", hint="Run it with `mcpauthkit policy test`, or name the policy."
            )
    custom = custom_conditions(one.content for one in read_all(sources))
    return load(Wanted(sources=sources, given=(), conditions=dict.fromkeys(custom, lambda _request: False))).documents


def policies_at(paths: Iterable[Path]) -> list[Policy]:
    """As `documents_at`, without where everything stands."""
    return [one.content for one in documents_at(paths)]


def files_of_tests(paths: Iterable[Path]) -> Iterator[Path]:
    """Files of tests: each itself, and all that are in a folder.

    Args:
        paths: Files and folders.

    Raises:
        ConfigurationError: There are none in a folder.
    """
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        found = sorted(one for one in path.iterdir() if is_tests(one))
        if not found:
            raise ConfigurationError(f"There are no tests in {path}.", hint="They are called *.test.yaml.")
        yield from found


def tests_at(path: Path) -> CaseFile:
    """The tests in a file.

    Args:
        path: The file.

    Raises:
        ConfigurationError: It is not there, or something is wrong with it.
    """
    _check_there(path)
    try:
        return read_document(read_bytes(path), str(path), CaseFile).content
    except PolicyInvalid as error:
        faults = "\n".join(map(str, error.faults))
        raise ConfigurationError(f"These tests cannot be used:\n{faults}") from None


def policies_under(tests: CaseFile, path: Path) -> list[Policy]:
    """The policies that a file of tests is about.

    Args:
        tests: The file.
        path: Where it lies.

    Raises:
        PolicyInvalid: Something is wrong with a policy.
        ConfigurationError: It does not say which they are, and its name does not either.
    """
    if tests.policies is not None:
        return policies_at([path.parent / one for one in tests.policies])
    beside = [path.with_name(f"{path.stem.removesuffix(_TEST)}{end}") for end in (".yaml", ".yml")]
    there = [one for one in beside if one != path and one.is_file()]
    if not there:
        raise ConfigurationError(
            f"{path} does not say which policies it tests, and there is no {beside[0]}.",
            hint="Add `policies: [...]` to it, with files and folders as seen from there.",
        )
    return policies_at(there[:1])


def _check_there(path: Path) -> None:
    if not path.exists():
        raise ConfigurationError(f"There is no {path}.", hint="Name a file or a folder.")
