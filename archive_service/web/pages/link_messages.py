"""The words for links and requests that cannot be used as they are, by language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class FailureWords:
    """What happened, and what the visitor can do next."""

    title: str
    hint: str


_RU = {
    "bad_archive": FailureWords(
        "Не подходит список архивов в ссылке",
        "Параметр archive задаётся от 1 до 100 раз; ссылка на один архив имеет вид /archive/хеш/.",
    ),
    "request_line_too_long": FailureWords(
        "Слишком длинная ссылка",
        "В адресе помещается около 8000 символов. Выберите папки целиком или меньше файлов; "
        "сайт может послать список файлов формой (POST).",
    ),
    "cookies_too_long": FailureWords(
        "Слишком много cookie",
        "Ссылка в порядке, но сайт хранит в браузере больше 64 КБ cookie. Удалите cookie этого "
        "сайта или откройте ссылку в приватном окне.",
    ),
    "field_too_long": FailureWords(
        "Слишком длинный заголовок запроса",
        "Ссылка в порядке, но браузер или программа загрузки прислали поле длиннее 64 КБ. "
        "Откройте ссылку в приватном окне или в другой программе.",
    ),
    "empty_archive": FailureWords(
        "В архиве пока нет файлов",
        "Ссылка верная, но фотографии ещё не загрузили. Загляните позже или спросите того, кто "
        "прислал ссылку.",
    ),
    "speculative": FailureWords(
        "Архив отдаётся только по нажатию",
        "Браузер запросил его заранее. Нажмите на ссылку, и загрузка начнётся.",
    ),
    "bad_ampersand": FailureWords(
        "Ссылку испортили по дороге",
        "Вместо знака & в ней стоит &amp;, и понять её можно по-разному. Замените &amp; на & или "
        "попросите ссылку ещё раз.",
    ),
    "bad_select": FailureWords(
        "Не подходит список выбранных файлов в ссылке",
        "Возможно, ссылка скопирована не целиком. Откройте страницу альбома и выберите файлы "
        "заново.",
    ),
    "bad_part": FailureWords(
        "Не подходит часть архива в ссылке",
        "Часть задаётся номером и числом частей, не больше 1000: например, part=2/5. В "
        "manifest.json — parts=5 или part_size=2G, что-то одно.",
    ),
    "part_not_found": FailureWords(
        "Такой части у архива нет",
        "Частей не больше, чем файлов, и не больше 1000. Возможно, из альбома что-то удалили. "
        "Откройте страницу архива ещё раз.",
    ),
    "bad_form": FailureWords(
        "Не подходит форма выбора файлов",
        "Имя архива (name) в форме не то, что в подписанной ссылке, на которую она отправлена.",
    ),
    "no_form": FailureWords(
        "Форма выбора файлов прислана в другом виде",
        "Сервис принимает application/x-www-form-urlencoded, как обычная форма HTML.",
    ),
    "form_timed_out": FailureWords(
        "Список выбранных файлов не дошёл",
        "Похоже, связь очень медленная. Попробуйте ещё раз или скачайте альбом целиком.",
    ),
    "too_many_chosen": FailureWords(
        "Выбрано слишком много файлов вразброс",
        "Выберите папки целиком или меньше файлов, или скачайте весь альбом.",
    ),
    "selection_outdated": FailureWords(
        "Альбом изменился",
        "С тех пор как файлы были выбраны, в альбом что-то добавили или что-то из него удалили. "
        "Откройте страницу альбома и выберите файлы заново.",
    ),
}
_EN = {
    "bad_archive": FailureWords(
        "The list of archives in the link can't be used",
        "The parameter archive is given 1 to 100 times; a link to one archive is like "
        "/archive/hash/.",
    ),
    "request_line_too_long": FailureWords(
        "The link is too long",
        "An address has room for about 8,000 characters. Choose whole folders or fewer files; "
        "a site can send the list of files by a form (POST).",
    ),
    "cookies_too_long": FailureWords(
        "There are too many cookies",
        "The link is fine, but the site keeps more than 64 KB of cookies in the browser. Delete "
        "the cookies of this site, or open the link in a private window.",
    ),
    "field_too_long": FailureWords(
        "A field of the request is too long",
        "The link is fine, but the browser or download manager sent a field of more than 64 KB. "
        "Open the link in a private window or in another program.",
    ),
    "empty_archive": FailureWords(
        "There are no files in the archive yet",
        "The link is right, but the photos have not been uploaded. Come back later, or ask "
        "whoever sent the link.",
    ),
    "speculative": FailureWords(
        "The archive is sent on a click alone",
        "The browser asked for it ahead. Click the link, and the download begins.",
    ),
    "bad_ampersand": FailureWords(
        "The link was spoilt on its way",
        "It has &amp; in the place of an &, and can be read in two ways. Put & in the place of "
        "&amp;, or ask for the link again.",
    ),
    "bad_select": FailureWords(
        "The list of chosen files in the link can't be used",
        "The link may be incomplete. Open the page of the album and choose the files again.",
    ),
    "bad_part": FailureWords(
        "The part of the archive in the link can't be used",
        "A part is its number and how many there are, 1,000 at most, as in part=2/5. For "
        "manifest.json it is parts=5 or part_size=2G, one of them.",
    ),
    "part_not_found": FailureWords(
        "The archive doesn't have that many parts",
        "There are no more parts than files, and no more than 1,000. Something may have been "
        "removed from the album. Open the page of the archive again.",
    ),
    "bad_form": FailureWords(
        "The form of chosen files can't be used",
        "The name in the form is not that of the signed link that the form was sent to.",
    ),
    "no_form": FailureWords(
        "The form of chosen files came in another form",
        "The service takes application/x-www-form-urlencoded, as a plain HTML form has it.",
    ),
    "form_timed_out": FailureWords(
        "The list of chosen files did not arrive",
        "The connection seems to be very slow. Try again, or download the whole album.",
    ),
    "too_many_chosen": FailureWords(
        "Too many scattered files were chosen",
        "Choose whole folders or fewer files, or download the whole album.",
    ),
    "selection_outdated": FailureWords(
        "The album has changed",
        "Since the files were chosen, something was added to the album or removed from it. "
        "Open the page of the album and choose the files again.",
    ),
}
LINK_FAILURES: Mapping[str, Mapping[str, FailureWords]] = MappingProxyType(
    {"ru": MappingProxyType(_RU), "en": MappingProxyType(_EN)}
)
