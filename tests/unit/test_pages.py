from __future__ import annotations

import re
from dataclasses import fields
from html.parser import HTMLParser

import pytest
from aiohttp import web

from archive_service.archive.errors import (
    AlbumInMotion,
    ArchiveNotFound,
    BadQuery,
    FileNotInAlbum,
    LinkExpired,
    LinkNotSigned,
    ListingTimedOut,
    StorageUnavailable,
)
from archive_service.archive.id import InvalidArchiveId
from archive_service.web.failures import (
    LANGUAGES,
    PRECONDITION_FAILED,
    RANGE_NOT_SATISFIABLE,
    Failure,
    failure_of,
)
from archive_service.web.pages.failure_messages import FAILURES
from archive_service.web.pages.page_messages import INDEX, IndexWords
from archive_service.web.pages.render import failure_text, render_failure, render_index

ALBUMS = ("3bea29ccabbbf64bdebcc055319c5745", "af1ad8c76fda2e48ea9aed2937e972ea")
HOSTILE = "\"><script>alert('&')</script>"
KEYS = (
    "archive_not_found",
    "file_not_found",
    "link_not_signed",
    "link_expired",
    "bad_name",
    "bad_file",
    "bad_ampersand",
    "bad_archive",
    "request_line_too_long",
    "cookies_too_long",
    "field_too_long",
    "too_many_fields",
    "bad_request",
    "unpackable",
    "empty_archive",
    "speculative",
    "bad_select",
    "bad_form",
    "bad_part",
    "part_not_found",
    "no_form",
    "form_timed_out",
    "too_many_chosen",
    "selection_outdated",
    "bad_query",
    "precondition_failed",
    "range_not_satisfiable",
    "in_motion",
    "too_large",
    "archived",
    "unavailable",
    "slow_disk",
    "busy",
    "client_busy",
    "client_refused",
    "not_found",
    "expectation_failed",
    "method_not_allowed",
    "internal",
)
# What CLDR's plural rules may answer to `Intl.PluralRules.select` of a whole number.
PLURALS = {"ru": {"one", "few", "many"}, "en": {"one", "other"}}


class Elements(HTMLParser):
    """The elements of a page, and the text in each kind of them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, str] = {}
        self._open = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        self._open = tag

    def handle_data(self, data: str) -> None:
        self.texts[self._open] = self.texts.get(self._open, "") + data

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


@pytest.fixture(params=LANGUAGES)
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def index(language: str) -> str:
    return render_index(language, example_albums=ALBUMS, nonce="n0nce")


@pytest.fixture(params=["index", "failure"])
def page(request: pytest.FixtureRequest, language: str) -> str:
    if request.param == "index":
        return render_index(language, example_albums=ALBUMS, nonce="n0nce")
    return render_failure(language, 404, "archive_not_found")


# --- Words ---------------------------------------------------------------------------------------


def test_every_language_has_the_words_of_every_failure() -> None:
    assert {language: set(words) for language, words in FAILURES.items()} == {
        language: set(KEYS) for language in LANGUAGES
    }


@pytest.mark.parametrize("key", KEYS)
def test_failure_says_what_happened_and_what_to_do(language: str, key: str) -> None:
    words = FAILURES[language][key]
    elements = Elements(render_failure(language, 418, key))
    assert elements.texts["h1"].strip() == elements.texts["title"].strip() == words.title
    assert words.hint in elements.texts["p"]
    assert "418" in elements.texts["p"]
    assert failure_text(language, key) == words.title
    assert words.hint.endswith(".")
    assert not words.title.endswith(".")


@pytest.mark.parametrize(
    "error",
    [
        InvalidArchiveId(),
        ArchiveNotFound(),
        FileNotInAlbum(),
        LinkNotSigned(),
        LinkExpired(),
        StorageUnavailable("ENOENT"),
        AlbumInMotion(),
        ListingTimedOut(),
        BadQuery("name"),
        BadQuery("file"),
        BadQuery("query"),
        web.HTTPNotFound(),
        web.HTTPMethodNotAllowed("PUT", ["GET"]),
        ZeroDivisionError(),
    ],
    ids=repr,
)
def test_every_error_has_words(error: Exception, language: str) -> None:
    assert failure_of(error).key in FAILURES[language]


@pytest.mark.parametrize("failure", [PRECONDITION_FAILED, RANGE_NOT_SATISFIABLE])
def test_every_failed_plan_has_words(failure: Failure, language: str) -> None:
    assert failure_text(language, failure.key)


def test_missing_archive_is_named_as_agreed() -> None:
    assert failure_text("ru", "archive_not_found") == "Архив не существует или был удалён"
    assert (
        failure_text("en", "archive_not_found") == "The archive does not exist or has been removed"
    )


def test_no_words_of_the_index_are_missing(language: str) -> None:
    assert all(getattr(INDEX[language], field.name) for field in fields(IndexWords))
    assert set(INDEX[language].files) >= PLURALS[language]


# --- Pages ---------------------------------------------------------------------------------------


def test_page_names_its_language(page: str, language: str) -> None:
    assert Elements(page).named("html") == [{"lang": language}]


def test_page_has_no_attribute_that_the_policy_forbids(page: str) -> None:
    names = {name for _, attributes in Elements(page).found for name in attributes}
    assert "style" not in names
    assert not [name for name in names if name.startswith("on")]


def test_page_loads_nothing_from_elsewhere(page: str) -> None:
    elements = Elements(page)
    links = [
        value
        for _, attributes in elements.found
        for name, value in attributes.items()
        if name in {"href", "src", "srcset", "action", "data", "poster"}
    ]
    assert all(re.match(r"/archive/|data:", link or "") for link in links)
    assert not re.search(r"url\(|@import|//", elements.texts["style"])
    code = re.sub(r"(?m)^\s*//.*$", "", elements.texts.get("script", ""))
    assert "//" not in code


def test_failure_has_no_script_and_links_to_nothing(language: str) -> None:
    elements = Elements(render_failure(language, 500, "internal"))
    assert not elements.named("script")
    assert not elements.named("a")
    assert elements.named("style") == [{}]


def test_index_admits_its_style_and_script_by_the_nonce(index: str) -> None:
    elements = Elements(index)
    admitted = elements.named("style") + elements.named("script")
    assert len(admitted) == 2
    assert all(attributes["nonce"] == "n0nce" for attributes in admitted)


def test_index_links_to_the_example_albums(index: str) -> None:
    links = [attributes["href"] for attributes in Elements(index).named("a")]
    assert links == [f"/archive/{album}/" for album in ALBUMS]


def test_index_without_example_albums_links_to_none(language: str) -> None:
    page = render_index(language, example_albums=(), nonce="n0nce")
    assert not Elements(page).named("a")
    assert INDEX[language].examples_title not in page


def test_index_never_sends_the_hash_with_a_form(index: str) -> None:
    elements = Elements(index)
    (field,) = elements.named("input")
    (form,) = elements.named("form")
    assert "name" not in field
    assert "action" not in form
    assert "hidden" in form  # until the script, which handles it, has started


def test_index_labels_its_field_and_announces_the_result(index: str) -> None:
    elements = Elements(index)
    (label,) = elements.named("label")
    (field,) = elements.named("input")
    assert label["for"] == field["id"]
    assert "polite" in [attributes.get("aria-live") for _, attributes in elements.found]


def test_index_escapes_what_it_is_given(language: str) -> None:
    page = render_index(language, example_albums=[HOSTILE], nonce=HOSTILE)
    elements = Elements(page)
    assert HOSTILE not in page
    assert len(elements.named("script")) == 1
    assert elements.named("a")[0]["data-album"] == HOSTILE
