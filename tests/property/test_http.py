"""HTTP semantics: properties that hold for any request about any archive."""

from __future__ import annotations

import string
from email import message_from_bytes
from email.policy import HTTP
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from archive_service.http.conditional import Validators
from archive_service.http.content_disposition import content_disposition
from archive_service.http.http_date import http_date, parse_http_date
from archive_service.http.multipart import Literal
from archive_service.http.negotiation import preferred
from archive_service.http.ranges import PART_OVERHEAD_BYTES, parse_range
from archive_service.http.request_fields import RequestFields
from archive_service.http.response_plan import ResponsePlan, SelectedRepresentation, plan
from archive_service.http.tag_comparison import parse_entity_tags

NOW_S = 1_700_000_000
TAG = '"xyzzy"'
ARCHIVE = bytes(index * 7 % 251 for index in range(2000))
SMALL = ARCHIVE[:40]
MOMENTS = st.integers(-62_135_596_800, 253_402_300_799)  # the years 1 to 9999

any_text = st.text(st.characters(codec=None, exclude_categories=()), max_size=60)
near_misses = st.text(st.sampled_from('bytes=0123456789-, \tW/"*xyz'), max_size=40)
dates = st.builds(http_date, MOMENTS)
values = st.one_of(st.none(), any_text, near_misses, dates, st.sampled_from([TAG, "*"]))
positions = st.integers(0, 2100)
range_specs = st.one_of(
    st.builds(lambda first, size: f"{first}-{first + size}", positions, positions),
    st.builds("{}-".format, positions),
    st.builds("-{}".format, positions),
)
range_sets = st.lists(range_specs, min_size=1, max_size=8).map(",".join)


def target(content: bytes) -> SelectedRepresentation:
    return SelectedRepresentation(
        len(content), "application/zip", Validators(TAG, 784111777, date_is_strong=True)
    )


def content_of(response: ResponsePlan, archive: bytes) -> bytes:
    return b"".join(
        part.data if isinstance(part, Literal) else archive[part.start : part.stop]
        for part in response.body
    )


@given(
    st.builds(
        RequestFields,
        st.sampled_from(["GET", "HEAD", "PUT", "get", ""]),
        range=values,
        if_range=values,
        if_match=values,
        if_none_match=values,
        if_modified_since=values,
        if_unmodified_since=values,
    )
)
def test_any_request_has_a_plan_whose_length_is_the_sum_of_its_parts(
    fields: RequestFields,
) -> None:
    response = plan(fields, target(ARCHIVE), now_s=NOW_S)
    assert response.status in {200, 206, 304, 412, 416}
    assert response.content_length == len(content_of(response, ARCHIVE))
    declared = dict(response.fields).get("Content-Length")
    assert declared == (str(response.content_length) if response.body else None)
    for name, value in response.fields:
        assert f"{name}{value}".isascii()
        assert f"{name}{value}".isprintable()


@given(st.lists(st.tuples(st.sampled_from(["Range", "IF-RANGE", "If-Match", "x"]), any_text)))
def test_any_field_lines_are_taken(lines: list[tuple[str, str]]) -> None:
    plan(RequestFields.of("GET", lines), target(ARCHIVE), now_s=NOW_S)


def test_every_sub_range_of_a_small_archive_is_its_slice() -> None:
    for first in range(len(SMALL)):
        for last in range(first, len(SMALL) + 2):
            fields = RequestFields("GET", range=f"bytes={first}-{last}")
            response = plan(fields, target(SMALL), now_s=NOW_S)
            assert content_of(response, SMALL) == SMALL[first : last + 1]
            described = f"bytes {first}-{min(last, len(SMALL) - 1)}/{len(SMALL)}"
            assert dict(response.fields)["Content-Range"] == described


def test_every_suffix_of_a_small_archive_is_its_slice() -> None:
    for length in range(1, len(SMALL) + 2):
        fields = RequestFields("GET", range=f"bytes=-{length}")
        response = plan(fields, target(SMALL), now_s=NOW_S)
        assert content_of(response, SMALL) == SMALL[-length:]


@given(range_sets)
def test_ranges_are_disjoint_and_cover_what_was_asked_for(range_set: str) -> None:
    ranges = parse_range(f"bytes={range_set}", len(ARCHIVE))
    assert ranges is not None
    covered = [position for found in ranges for position in range(found.start, found.stop)]
    asked = set[int]()
    for spec in range_set.split(","):
        first, _, last = spec.partition("-")
        if first:
            asked.update(range(int(first), min(int(last or 2000) + 1, 2000)))
        elif int(last):
            asked.update(range(max(2000 - int(last), 0), 2000))
    assert len(covered) == len(set(covered))
    assert asked <= set(covered)
    in_order = sorted(ranges, key=lambda found: found.start)
    for before, after in pairwise(in_order):
        assert after.start - before.stop >= PART_OVERHEAD_BYTES


@given(range_sets)
def test_a_multipart_read_by_the_standard_library_is_the_slices(range_set: str) -> None:
    response = plan(RequestFields("GET", range=f"bytes={range_set}"), target(ARCHIVE), now_s=NOW_S)
    content_type = dict(response.fields).get("Content-Type", "")
    if not content_type.startswith("multipart/"):
        return
    head = f"Content-Type: {content_type}\r\n\r\n".encode()
    message = message_from_bytes(head + content_of(response, ARCHIVE), policy=HTTP)
    parts = list(message.iter_parts())
    assert not message.defects
    assert len(parts) > 1
    for part in parts:
        unit, _, described = part["Content-Range"].partition(" ")
        first, last = described.removesuffix("/2000").split("-")
        assert (unit, part.get_content_type()) == ("bytes", "application/zip")
        assert part.get_payload(decode=True) == ARCHIVE[int(first) : int(last) + 1]


@given(MOMENTS)
def test_a_date_printed_is_read_back(moment_s: int) -> None:
    assert parse_http_date(http_date(moment_s), NOW_S) == moment_s


@given(st.integers())
def test_any_moment_can_be_printed(moment_s: int) -> None:
    assert len(http_date(moment_s)) == len("Sun, 06 Nov 1994 08:49:37 GMT")


@given(st.lists(st.text(st.sampled_from(string.printable[:94].replace('"', "")), max_size=8)))
def test_a_list_of_entity_tags_is_read_back(opaques: list[str]) -> None:
    tags = [f'"{opaque}"' for opaque in opaques]
    assert list(parse_entity_tags(", ".join(tags))) == tags


@given(any_text)
def test_any_file_name_is_one_printable_ascii_field(name: str) -> None:
    field = content_disposition(name)
    assert field.isascii()
    assert field.isprintable()
    assert field.count('"') in {0, 2}
    assert "\\" not in field


@given(any_text)
def test_the_extension_is_kept_in_the_fallback(stem: str) -> None:
    assert '.zip"' in content_disposition(f"{stem}.zip")


@given(any_text | st.text(st.sampled_from("texhml/*;q=01., ru-en"), max_size=40))
def test_any_preference_leads_to_an_offer(field: str) -> None:
    for offers in (("text/html", "application/json"), ("ru", "en")):
        assert preferred(field, offers) in offers
