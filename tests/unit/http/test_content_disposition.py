"""Content-Disposition: the oracle is RFC 6266 (appendix D above all) and RFC 8187."""

from __future__ import annotations

from urllib.parse import quote, unquote

import pytest

from archive_service.http.content_disposition import MAX_NAME_BYTES, Ending, content_disposition


@pytest.mark.parametrize(
    "name",
    ["archive.zip", "Wedding 2024.zip", "a+b (1), it's [new]~!.zip", "no extension", "x.tar.gz"],
)
def test_a_plain_name_is_said_once(name: str) -> None:  # RFC 6266 appendix D
    assert content_disposition(name) == f'attachment; filename="{name}"'


@pytest.mark.parametrize(
    ("name", "fallback", "extended"),
    [
        # RFC 8187 section 3.2.3: the examples' own characters
        ("\u00a3 and \u20ac rates", "and _ rates", "%C2%A3%20and%20%E2%82%AC%20rates"),
        (
            "Свадьба 2024.zip",
            "2024.zip",
            "%D0%A1%D0%B2%D0%B0%D0%B4%D1%8C%D0%B1%D0%B0%202024.zip",
        ),
        ("写真.zip", "archive.zip", "%E5%86%99%E7%9C%9F.zip"),
        ("🎉.zip", "archive.zip", "%F0%9F%8E%89.zip"),
        ("Fête.zip", "F_te.zip", "F%C3%AAte.zip"),
        # RFC 6266 appendix D: what recipients disagree about within a quoted-string
        ('say "hi".zip', "say _hi.zip", "say%20%22hi%22.zip"),
        ("100%41.zip", "100_41.zip", "100%2541.zip"),
        ("a;b.zip", "a_b.zip", "a%3Bb.zip"),
        ("a*b?.zip", "a_b.zip", "a%2Ab%3F.zip"),
        # RFC 8187 section 3.2.1: attr-char
        ("é!#$&+-.^_`|~'()*.zip", "!#$&+-.^_`_~'().zip", "%C3%A9!#$&+-.^_`|~%27%28%29%2A.zip"),
        ("Xж.zip", "X.zip", "X%D0%B6.zip"),
        # an extension that is not plain is part of the name
        ("архив.зип", "archive", "%D0%B0%D1%80%D1%85%D0%B8%D0%B2.%D0%B7%D0%B8%D0%BF"),
    ],
)
def test_any_other_name_is_said_exactly_after_a_fallback(
    name: str, fallback: str, extended: str
) -> None:
    expected = f"attachment; filename=\"{fallback}\"; filename*=UTF-8''{extended}"
    assert content_disposition(name) == expected


@pytest.mark.parametrize(
    ("name", "saved_as"),
    [
        ("a\r\nb.zip", "a__b.zip"),
        ("a\x00b\x1f\x7f\x9f.zip", "a_b___.zip"),
        ("../../etc/passwd.zip", "_.._.._etc_passwd.zip"),  # RFC 6266 section 4.3
        ("..\\a.zip", "_.._a.zip"),
        (".bashrc", "_.bashrc"),
        ("..", "_.."),
        (".zip", "_.zip"),
        ("a\u202egpj.zip", "a_gpj.zip"),
        ("a\u2028b.zip", "a_b.zip"),
        ("a\ud800b.zip", "a_b.zip"),
    ],
)
def test_what_no_file_name_may_carry_is_replaced(name: str, saved_as: str) -> None:
    assert content_disposition(name) == f'attachment; filename="{saved_as}"'


def test_a_name_cannot_add_a_field_or_a_parameter() -> None:
    field = content_disposition('a"; filename="b\r\nSet-Cookie: x=1.zip')
    assert field == (
        'attachment; filename="a_ filename=_b__Set-Cookie_ x=1.zip"; '
        "filename*=UTF-8''a%22%3B%20filename%3D%22b__Set-Cookie%3A%20x%3D1.zip"
    )


def test_without_a_name_the_recipient_chooses() -> None:
    assert content_disposition("") == "attachment"


def saved_as(name: str) -> str:
    """Return the file name that a recipient of the field knows in the end."""
    _, _, extended = content_disposition(name).partition("filename*=UTF-8''")
    return unquote(extended, errors="strict")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("я" * 118 + ".zip", "я" * 118 + ".zip"),  # 240 bytes
        ("я" * 119 + ".zip", "я" * 118 + ".zip"),
        ("Щ" * 150 + ".zip", "Щ" * 118 + ".zip"),
        ("a" + "я" * 118 + ".zip", "a" + "я" * 117 + ".zip"),  # a byte too many, not half a letter
        ("写" * 150 + ".zip", "写" * 78 + ".zip"),
        ("🎉" * 150 + ".zip", "🎉" * 59 + ".zip"),
        # an accent, a family or a skin tone is not taken from its letter or picture
        ("я" * 117 + "и\u0306я.zip", "я" * 117 + ".zip"),
        ("я" * 114 + "👩\u200d👧я.zip", "я" * 114 + ".zip"),
        ("я" * 116 + "👍🏽я.zip", "я" * 116 + ".zip"),
        # nothing that Windows takes away stands before the extension
        ("я" * 117 + ". ямы.zip", "я" * 117 + ".zip"),
        # what is no extension of a file is cut like the rest
        ("я" * 100 + "." + "ж" * 100, "я" * 100 + "." + "ж" * 19),
        ("ж." + "z" * 300, "ж." + "z" * 237),
    ],
)
def test_a_long_name_is_cut_between_characters_and_keeps_its_extension(
    name: str, expected: str
) -> None:
    assert saved_as(name) == expected
    assert len(expected.encode()) <= MAX_NAME_BYTES


def test_a_long_plain_name_is_cut_too() -> None:
    field = content_disposition("a" * 300 + ".zip")
    assert field == f'attachment; filename="{"a" * 236}.zip"'


def test_a_name_of_accents_alone_is_cut_all_the_same() -> None:
    assert saved_as("\u0301" * 300 + ".zip") == "\u0301" * 118 + ".zip"


def test_an_ending_stands_before_the_extension_and_is_plain_in_the_fallback() -> None:
    ending = Ending(" (2 из 5)", " (2 of 5)")
    assert content_disposition("Лето.zip", ending) == (
        'attachment; filename="archive (2 of 5).zip"; '
        f"filename*=UTF-8''{quote('Лето (2 из 5).zip')}"
    )
    plain = Ending(" (2 of 5)", " (2 of 5)")
    assert content_disposition("Summer.zip", plain) == 'attachment; filename="Summer (2 of 5).zip"'


@pytest.mark.parametrize(("stem", "extension"), [("я" * 150, ".zip"), ("z" * 150 + "я" * 150, "")])
def test_a_long_name_keeps_its_ending(stem: str, extension: str) -> None:
    ending = Ending(" (1000 из 1000)", " (1000 of 1000)")
    _, _, extended = content_disposition(stem + extension, ending).partition("UTF-8''")
    saved = unquote(extended)
    assert saved.endswith(ending.text + extension)
    assert MAX_NAME_BYTES - 1 <= len(saved.encode()) <= MAX_NAME_BYTES
