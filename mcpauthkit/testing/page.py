"""A web page as a user without eyes sees it: text, links, forms and buttons."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Literal
from urllib.parse import parse_qsl, urljoin, urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

_CHOICES = frozenset({"radio", "checkbox"})
_BUTTON_TYPES = frozenset({"submit", "image"})
_SILENT = frozenset({"style", "script", "template", "noscript"})


@dataclass(slots=True)
class Field:
    """A form field.

    Attributes:
        name: Its name; fields without one are not sent.
        kind: `hidden`, `text`, `radio`, `checkbox`, `select`, `textarea`, ...
        value: What would be sent if it is left alone.
        active: Whether it would be sent at all: choices only when chosen, disabled fields never.
        options: The values a select offers.
    """

    name: str
    kind: str
    value: str
    active: bool = True
    options: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Button:
    """A submit button with its visible text, and the name and value it adds to the form."""

    text: str
    name: str = ""
    value: str = ""
    action: str = ""
    disabled: bool = False


@dataclass(slots=True)
class Form:
    """A form: where it goes, by which method, and what it holds."""

    action: str
    method: Literal["get", "post"]
    form_id: str = ""
    fields: list[Field] = field(default_factory=list)
    buttons: list[Button] = field(default_factory=list)


@dataclass(slots=True)
class Link:
    """A link with its visible text and absolute address."""

    text: str
    href: str


@dataclass(frozen=True, slots=True)
class Visit:
    """One request on the way to a page."""

    method: str
    url: str
    status: int


@dataclass(frozen=True, slots=True)
class Page:
    """Where the robot is.

    Attributes:
        url: The address; after `stop_at` the one that was not visited.
        status: The HTTP status; after `stop_at` that of the redirect.
        headers: Header fields by lower-case name.
        html: The body.
        text: The visible text, with runs of white space made one space.
        title: The title.
        forms: The forms.
        links: The links.
        history: Every request that led here, the last one included.
    """

    url: str
    status: int
    headers: Mapping[str, str]
    html: str
    text: str
    title: str
    forms: tuple[Form, ...]
    links: tuple[Link, ...]
    history: tuple[Visit, ...]

    @property
    def query(self) -> dict[str, str]:
        """The query parameters of the address; of a repeated one the last."""
        return dict(parse_qsl(urlsplit(self.url).query, keep_blank_values=True))

    def form(self, form_id: str) -> Form | None:
        """The form with this `id` attribute."""
        return next((form for form in self.forms if form.form_id == form_id), None)


def read_page(*, url: str, status: int, headers: Mapping[str, str], html: str, history: tuple[Visit, ...]) -> Page:
    """Parse what a server answered; anything but HTML has its body as text and nothing to click."""
    is_html = "html" in headers.get("content-type", "")
    reader = _Reader(url)
    if is_html:
        reader.feed(html)
        reader.close()
    return Page(
        url=url,
        status=status,
        headers=headers,
        html=html,
        text=_squeezed(" ".join(reader.words)) if is_html else html,
        title=_squeezed(reader.title),
        forms=tuple(reader.forms),
        links=tuple(reader.links),
        history=history,
    )


def _squeezed(text: str) -> str:
    return " ".join(text.split())


class _Reader(HTMLParser):
    """Collects what a page offers, in one pass."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url
        self.words: list[str] = []
        self.title = ""
        self.forms: list[Form] = []
        self.links: list[Link] = []
        self._form: Form | None = None
        self._select: Field | None = None
        self._textarea: Field | None = None
        # What the text being read belongs to, beside the page.
        self._captions: list[Link | Button] = []
        self._silence = 0
        self._in_title = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        match tag:
            case "title":
                self._in_title = True
            case "form":
                self._open_form(given)
            case "a" if "href" in given:
                self.links.append(Link("", urljoin(self._url, given["href"])))
                self._captions.append(self.links[-1])
            case "input":
                self._read_input(given)
            case "button":
                self._open_button(given)
            case "select":
                self._select = self._add_field(given, "select", "")
            case "option":
                self._read_option(given)
            case "textarea":
                self._textarea = self._add_field(given, "textarea", "")
            case _ if tag in _SILENT:
                self._silence += 1

    def handle_endtag(self, tag: str) -> None:
        match tag:
            case "title":
                self._in_title = False
            case "form":
                self._form = None
            case "a" | "button" if self._captions:
                caption = self._captions.pop()
                caption.text = _squeezed(caption.text)
            case "select":
                self._select = None
            case "textarea":
                self._textarea = None
            case _ if tag in _SILENT:
                self._silence -= 1

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.title += data
        elif self._textarea is not None:
            self._textarea.value += data
        elif not self._silence:
            self.words.append(data)
            for caption in self._captions:
                caption.text += data

    def _open_form(self, given: dict[str, str]) -> None:
        method: Literal["get", "post"] = "post" if given.get("method", "").lower() == "post" else "get"
        action = urljoin(self._url, given.get("action", ""))
        self._form = Form(action, method, given.get("id", ""))
        self.forms.append(self._form)

    def _owner(self, given: dict[str, str]) -> Form | None:
        if "form" in given:
            return next((form for form in self.forms if form.form_id == given["form"]), None)
        return self._form

    def _add_field(self, given: dict[str, str], kind: str, value: str) -> Field:
        active = "disabled" not in given and (kind not in _CHOICES or "checked" in given)
        added = Field(given.get("name", ""), kind, value, active)
        owner = self._owner(given)
        if owner is not None and added.name:
            owner.fields.append(added)
        return added

    def _read_input(self, given: dict[str, str]) -> None:
        kind = given.get("type", "text").lower()
        if kind in _BUTTON_TYPES:
            self._add_button(given, given.get("value", "") or given.get("alt", "Submit"))
        else:
            self._add_field(given, kind, given.get("value", "on" if kind in _CHOICES else ""))

    def _open_button(self, given: dict[str, str]) -> None:
        # A button of another type does nothing without script, and we run none; its text is still read.
        button = Button("")
        if given.get("type", "submit").lower() == "submit":
            button = self._add_button(given, "")
        self._captions.append(button)

    def _add_button(self, given: dict[str, str], text: str) -> Button:
        action = urljoin(self._url, given["formaction"]) if "formaction" in given else ""
        button = Button(text, given.get("name", ""), given.get("value", ""), action, "disabled" in given)
        owner = self._owner(given)
        if owner is not None:
            owner.buttons.append(button)
        return button

    def _read_option(self, given: dict[str, str]) -> None:
        if self._select is None:
            return
        value = given.get("value", "")
        if not self._select.options or "selected" in given:
            self._select.value = value
        self._select.options.append(value)
