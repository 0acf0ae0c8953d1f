"""What each rule makes of a name."""

from __future__ import annotations

import pytest

from archive_service.archive.naming import (
    NameRules,
    archive_names,
    numbered,
    original_name,
)

PORTABLE = NameRules()
EXACT = NameRules(portable=False)


def named(paths: list[str], rules: NameRules = PORTABLE) -> list[str]:
    return [name.decode() for name in archive_names([path.encode() for path in paths], rules)]


def name_of(stored: bytes, rules: NameRules = PORTABLE) -> str:
    [name] = archive_names([stored], rules)
    return name.decode()


@pytest.mark.parametrize(
    "path",
    [
        "IMG_0001.JPG", "Day 1/IMG 0001.JPG", "a/b/c/", "Свадьба/Фото 1.jpg", "日本/写真.jpg",
        "👰🏻.jpg", ".htaccess", " leading space", "~a", "-rf",
        "a'b$c%d!e#f&g(h)i;j=k@l[m]n^o`p{q}r,s+t.jpg", "Ма\u0301ма.jpg", "a.b.c", "a..jpg",
        "zero\u200dwidth", "_", "x" * 251 + ".jpg",
    ],
)  # fmt: skip
@pytest.mark.parametrize("rules", [PORTABLE, EXACT])
def test_a_safe_name_stays(path: str, rules: NameRules) -> None:
    assert named([path], rules) == [path]


def test_a_plain_album_gets_no_second_copy_of_its_paths() -> None:
    paths = [b"IMG_0001.JPG", b"img_0002.jpg", b"Day 1/IMG_0001.JPG", b"Day 1/a/b.c", b"Empty/"]
    assert all(
        name is path for name, path in zip(archive_names(paths, PORTABLE), paths, strict=True)
    )


@pytest.mark.parametrize(
    ("stored", "name"),
    [
        ("Лето.jpg".encode(), "Лето.jpg"),
        ("Лето.jpg".encode("cp1251"), "Лето.jpg"),
        ("Лето/".encode() + "Мама.jpg".encode("cp1251"), "Лето/Мама.jpg"),  # each by itself
        ("Лето/".encode("cp1251") + "Мама.jpg".encode(), "Лето/Мама.jpg"),
        (b"\xd4\x98.jpg", "Ԙ.jpg"),  # UTF-8 wherever it is valid
        (b"\xff\x98.jpg", "я_.jpg"),  # cp1251 has no 0x98
        (b"\xed\xa0\x80.jpg", "н Ђ.jpg".replace(" ", "\u00a0")),  # no UTF-8: a surrogate
        (b"\xc0\xaf.jpg", "АЇ.jpg"),  # no UTF-8: an overlong slash
        ("и\u0306.jpg".encode(), "й.jpg"),  # NFD, as a Mac stores it
        ("\u212b.jpg".encode(), "\u00c5.jpg"),  # NFC of the Angstrom sign
    ],
)
def test_names_are_decoded_and_composed(stored: bytes, name: str) -> None:
    assert name_of(stored) == name
    assert name_of(stored, EXACT) == name
    assert original_name(stored, PORTABLE) == name


@pytest.mark.parametrize(
    ("encoding", "stored", "name"),
    [
        ("cp866", "Лето.jpg".encode("cp866"), "Лето.jpg"),
        ("shift_jis", "表.jpg".encode("shift_jis"), "表.jpg"),  # its second byte is a backslash
        ("utf-7", b"+AC8ALgAu-\xff", "_.._"),  # a slash is never decoded out of a component
        ("utf-7", b"\xff+2AA-", "__"),  # nor a surrogate
    ],
)
def test_the_fallback_encoding_can_be_chosen(encoding: str, stored: bytes, name: str) -> None:
    assert original_name(stored, NameRules(fallback_encoding=encoding)) == name


@pytest.mark.parametrize("character", [*'\\:*?"<>|', *"\0\x01\t\n\x1f\x7f\x80\x85\x9f"])
def test_what_windows_refuses_becomes_an_underscore(character: str) -> None:
    assert named([f"a{character}b/c{character}.jpg"]) == ["a_b/c_.jpg"]
    assert named([f"a{character}a"]) == ["a_a"]


@pytest.mark.parametrize(
    "character", "\u061c\u200e\u200f\u2028\u2029\u202a\u202c\u202e\u2066\u2068\u2069"
)
def test_what_disguises_an_extension_becomes_an_underscore(character: str) -> None:
    assert named([f"photo{character}gpj.exe"]) == ["photo_gpj.exe"]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("a.", "a_"), ("a ", "a_"), ("a. .", "a___"), ("a.jpg ", "a.jpg_"),
        ("a./b ./c", "a_/b__/c"), ("d./", "d_/"), ("...", "___"), (".", "_"), ("..", "__"),
        ("../a", "__/a"), (" ", "_"), ("a/./b", "a/_/b"), ("a//b", "a/_/b"),
        ("/etc/x", "_/etc/x"), ("//", "_/_/"),
    ],
)  # fmt: skip
def test_a_dot_or_space_at_the_end_becomes_an_underscore(path: str, name: str) -> None:
    assert named([path]) == [name]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("con", "_con"), ("PRN", "_PRN"), ("Aux.c", "_Aux.c"), ("nul.tar.gz", "_nul.tar.gz"),
        ("nul .txt", "_nul .txt"), ("COM0", "_COM0"), ("com9.jpg", "_com9.jpg"), ("LPT¹", "_LPT¹"),
        ("com³.jpg", "_com³.jpg"), ("CONIN$", "_CONIN$"), ("conout$.x", "_conout$.x"),
        ("con/aux/nul", "_con/_aux/_nul"), ("prn/", "_prn/"), ("a/lpt1.d/b", "a/_lpt1.d/b"),
        ("nul.", "nul_"), ("nul:.txt", "nul_.txt"),
        ("con1", "con1"), ("concert.jpg", "concert.jpg"), ("com10", "com10"), ("icon", "icon"),
        ("a.con", "a.con"), (".con", ".con"), ("con-1.jpg", "con-1.jpg"), ("clock$", "clock$"),
    ],
)  # fmt: skip
def test_a_device_name_gets_an_underscore_before_it(path: str, name: str) -> None:
    assert named([path]) == [name]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("x" * 255, "x" * 255),
        ("x" * 256, "x" * 255),
        ("x" * 256 + "/" + "y" * 256 + "/", "x" * 255 + "/" + "y" * 255 + "/"),
        ("x" * 252 + ".jpg", "x" * 251 + ".jpg"),
        ("я" * 126 + ".jpg", "я" * 125 + ".jpg"),  # 254 bytes: half a character is none
        ("👰" * 64, "👰" * 63),
        ("x" * 222 + "." + "y" * 33, "x" * 222 + "." + "y" * 32),  # too long for a file type
        ("." + "x" * 300, "." + "x" * 254),
        ("x" * 254 + ".y" * 20, "x" * 253 + ".y"),
        ("x" * 254 + "." + "y" * 40, "x" * 254 + "_"),  # the cut uncovers a dot
        ("nul." + "x" * 251, "_nul." + "x" * 250),  # the underscore makes it too long
        ("nul" + " " * 260 + "x.txt", "_nul" + " " * 247 + ".txt"),  # the cut uncovers a device
    ],
)
def test_a_long_name_is_cut_between_characters_before_its_extension(path: str, name: str) -> None:
    assert named([path]) == [name]


def test_a_name_that_decoding_made_long_is_cut() -> None:
    assert name_of("я".encode("cp1251") * 251 + b".jpg") == "я" * 125 + ".jpg"


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["A.jpg", "a.jpg"], ["A.jpg", "a (2).jpg"]),
        (["a.jpg", "A.jpg"], ["a (2).jpg", "A.jpg"]),  # by stored bytes, in any order
        (["A.JPG", "A.jpg", "a.jpg"], ["A.JPG", "A (2).jpg", "a (3).jpg"]),
        (["a_b", "a:b", "a*b"], ["a_b", "a_b (3)", "a_b (2)"]),  # an unchanged name goes first
        (["a:", "A_"], ["a_ (2)", "A_"]),
        (["A", "a", "a (2)"], ["A", "a (3)", "a (2)"]),  # numbers are free on a caseless disk too
        (["A", "a", "A (2)"], ["A", "a (3)", "A (2)"]),
        (["A", "a", "a*(2)", "a (2):"], ["A", "a (2)", "a_(2)", "a (2)_"]),
        (["A", "a", "a (2)", "A (2)"], ["A", "a (3)", "a (2) (2)", "A (2)"]),
        (["A.tar.gz", "a.tar.gz"], ["A.tar.gz", "a.tar (2).gz"]),
        ([".JPG", ".jpg"], [".JPG", ".jpg (2)"]),  # the whole name is the stem
        (["..A", "..a"], ["..A", "..a (2)"]),
        (["A.d/", "a.d/"], ["A.d/", "a.d (2)/"]),  # a directory has no extension
        (["A.d", "a.d/x"], ["A.d", "a.d (2)/x"]),
        (["a.d", "A.d/x"], ["a (2).d", "A.d/x"]),
        (["a", "a/x"], ["a", "a (2)/x"]),  # an object store has both
        (["A/x", "a/x", "a/y/z"], ["A/x", "a (2)/x", "a (2)/y/z"]),  # never merged
        (["A/x", "a/y"], ["A/x", "a (2)/y"]),
        (["A/", "a/y"], ["A/", "a (2)/y"]),
        (["p/A/x", "p/a/y", "P/a/x"], ["p (2)/A/x", "p (2)/a (2)/y", "P/a/x"]),
        (["d/A", "e/a"], ["d/A", "e/a"]),  # not in one directory
        (["d/", "d/x"], ["d/", "d/x"]),  # one directory
        (["СВАДЬБА", "Свадьба"], ["СВАДЬБА", "Свадьба (2)"]),
        (["straße", "STRASSE"], ["straße (2)", "STRASSE"]),  # full case folding
        (["\u212a.jpg", "k.jpg"], ["K (2).jpg", "k.jpg"]),  # the Kelvin sign
        (["\u0390", "\u03aa\u0301"], ["\u0390", "\u03aa\u0301 (2)"]),  # equal only as NFC
        (["й", "и\u0306"], ["й", "й (2)"]),  # NFC is how names are; NFD steps aside
        (["И\u0306", "й"], ["Й (2)", "й"]),
        (["X" * 255, "x" * 255], ["X" * 255, "x" * 251 + " (2)"]),
        (["я" * 125 + ".jpg", "Я" * 125 + ".jpg"], ["я" * 123 + " (2).jpg", "Я" * 125 + ".jpg"]),
        (["X" * 255 + "/", "x" * 255 + "/"], ["X" * 255 + "/", "x" * 251 + " (2)/"]),
        (["con", "_con", "_con (2)"], ["_con (3)", "_con", "_con (2)"]),
        (["a.jpg", "a.jpg"], ["a.jpg", "a.jpg"]),  # one file, listed twice
        ([], []),
    ],
)
def test_names_that_are_one_on_a_caseless_disk_get_numbers(
    paths: list[str], names: list[str]
) -> None:
    assert named(paths) == names


def test_a_decoded_name_steps_aside_for_one_in_utf_8() -> None:
    paths = ["я.jpg".encode("cp1251"), "я.jpg".encode(), "Я.jpg".encode("cp1251")]
    names = [name.decode() for name in archive_names(paths, PORTABLE)]
    assert names == ["я (3).jpg", "я.jpg", "Я (2).jpg"]


def test_ten_thousand_equal_names_get_ten_thousand_numbers() -> None:
    paths = [f"{number:015b}".replace("0", "?").replace("1", "*") for number in range(10_000)]
    numbered = {f"{'_' * 15} ({number})" for number in range(2, 10_001)}
    assert set(named(paths)) == numbered | {"_" * 15}


def test_numbers_differ_where_the_cut_takes_the_difference() -> None:
    equal = [f"{first}{second}" for first in ":*?|" for second in ":*?|"]
    paths = [f"{start}{'x' * 248}{end}" for end in "abc" for start in equal]  # 251 bytes
    assert len(set(named(paths))) == len(paths)


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (['ab:c*?"<>|.', "con", "d. /x\t\n\u202e"], ['ab:c*?"<>|.', "con", "d. /x\t\n\u202e"]),
        (["A.jpg", "a.jpg"], ["A.jpg", "a.jpg"]),
        (["x" * 300], ["x" * 300]),
        (["..\\..\\x"], [".._.._x"]),  # a way out where Windows reads it
        (["a\0b"], ["a_b"]),
        (["../x", "./x", "a/.. /x", "a/. ./x"], ["_/x", "_ (2)/x", "a/_ (2)/x", "a/_/x"]),
        (["/etc/x", "a//b"], ["_/etc/x", "a/_/b"]),
        (["C:/x", "C:x", "C:", "я:"], ["C_ (2)/x", "C_x", "C_", "я_"]),  # absolute on Windows
        (["a/C:/x", "CC:x"], ["a/C:/x", "CC:x"]),
        (["..."], ["_"]),  # to Windows no name is left of it
        (["й", "и\u0306"], ["й", "й (2)"]),
        (["C:", "C_", "c_ (2)"], ["C_ (2)", "C_", "c_ (2)"]),
    ],
)
def test_exact_names_change_only_where_they_lead_out_of_the_archive(
    paths: list[str], names: list[str]
) -> None:
    assert named(paths, EXACT) == names


def test_equal_exact_names_get_numbers() -> None:
    paths = ["я.jpg".encode("cp1251"), "я.jpg".encode(), "Я.jpg".encode()]
    names = [name.decode() for name in archive_names(paths, EXACT)]
    assert names == ["я (2).jpg", "я.jpg", "Я.jpg"]


@pytest.mark.parametrize(
    ("stored", "name"),
    [
        (b"a:b*/con/c. ", "a:b*/con/c. "),
        ("д:/".encode("cp1251"), "д:/"),
        ("и\u0306/и\u0306".encode(), "й/й"),
        (b"\x98", "_"),
        (b"x" * 300, "x" * 300),
    ],
)
@pytest.mark.parametrize("rules", [PORTABLE, EXACT])
def test_an_original_name_is_decoded_and_no_more(
    stored: bytes, name: str, rules: NameRules
) -> None:
    assert original_name(stored, rules) == name


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["a b c", "A B C"], ["a b c (2)", "A B C"]),
        (["p/q/r/1", "p/Q/s/2"], ["p/q (2)/r/1", "p/Q/s/2"]),
        (["X.jpg", "x.jpg"], ["X.jpg", "x (2).jpg"]),
        (["x.JPG", "X.jpg"], ["x (2).JPG", "X.jpg"]),
        ([f"a.{'e' * 32}", f"A.{'e' * 32}"], [f"a (2).{'e' * 32}", f"A.{'e' * 32}"]),
        ([f"a.{'e' * 33}", f"A.{'e' * 33}"], [f"a.{'e' * 33} (2)", f"A.{'e' * 33}"]),
    ],
)
def test_names_that_look_plain_are_told_apart(paths: list[str], names: list[str]) -> None:
    assert named(paths) == names


def test_an_extension_behind_a_capital_x_is_one() -> None:
    assert numbered("X.jpg", 2) == "X (2).jpg"
