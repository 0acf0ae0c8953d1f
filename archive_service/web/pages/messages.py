"""The words of the pages, by language: all that a visitor reads is here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from archive_service.web.pages.link_messages import LINK_FAILURES, FailureWords


@dataclass(frozen=True, slots=True)
class IndexWords:
    """The words of the index page; a field is named for the place where it stands."""

    title: str
    lead: str
    check_title: str
    hash_label: str
    hash_hint: str
    hash_placeholder: str
    check_button: str
    checking: str
    hash_missing: str
    no_script: str
    download: str
    files: Mapping[str, str]
    """By plural category of CLDR."""
    examples_title: str
    examples_lead: str
    example: str
    links_title: str
    link_hash: str
    link_all: str
    link_name: str
    link_name_value: str
    link_file: str
    link_manifest: str
    snippet_title: str
    snippet_lead: str
    snippet: str
    copy: str
    copied: str
    warning: str


_SNIPPET = r"""<?php $name = strtr(mb_substr($title, 0, 150), '/\\', '__'); ?>
<a rel="nofollow"
   href="/archive/<?= rawurlencode($hash) ?>/?name=<?= rawurlencode($name) ?>">
  {}
</a>"""

INDEX: Mapping[str, IndexWords] = MappingProxyType(
    {
        "ru": IndexWords(
            title="Фотоальбом одним файлом",
            lead="Сервис собирает каталог с фотографиями в zip-архив прямо во время скачивания. "
            "Размер известен сразу, а прерванная загрузка продолжается с того же места.",
            check_title="Проверить архив",
            hash_label="Хеш архива",
            hash_hint="Часть ссылки после /archive/. Можно вставить и ссылку целиком.",
            hash_placeholder="например, 7f3a9c…",
            check_button="Проверить",
            checking="Проверяем…",
            hash_missing="Введите хеш архива или ссылку на него.",
            no_script="Для проверки нужен JavaScript. Скачать архив можно и без него: "
            "откройте ссылку вида /archive/хеш/.",
            download="Скачать",
            files=MappingProxyType(
                {"one": "файл", "few": "файла", "many": "файлов", "other": "файла"}
            ),
            examples_title="Тестовые альбомы",
            examples_lead="Поставляются вместе с сервисом: скачайте, прервите, продолжите.",
            example="Альбом",
            links_title="Как устроены ссылки",
            link_hash="хеш",
            link_all="Весь альбом.",
            link_name="Имя файла при скачивании, до 150 символов.",
            link_name_value="Отпуск",
            link_file="Только названные файлы.",
            link_manifest="Точный размер, число и список файлов в JSON: "
            "их удобно показать рядом со ссылкой.",
            snippet_title="Ссылка на вашем сайте",
            snippet_lead="В шаблоне CMS, где $hash — имя каталога, а $title — название альбома:",
            snippet=_SNIPPET.format("Скачать все фотографии"),
            copy="Скопировать",
            copied="Скопировано",
            warning="Хеш служит паролем: альбом получит каждый, кто знает ссылку, и никто другой. "
            "Списка альбомов здесь нет.",
        ),
        "en": IndexWords(
            title="A photo album in one file",
            lead="This service packs a directory of photos into a zip archive while it is being "
            "downloaded. The size is known at once, and a broken download resumes where it "
            "stopped.",
            check_title="Check an archive",
            hash_label="Hash of the archive",
            hash_hint="The part of the link after /archive/. The whole link will do, too.",
            hash_placeholder="for example 7f3a9c…",
            check_button="Check",
            checking="Checking…",
            hash_missing="Enter the hash of an archive, or a link to it.",
            no_script="Checking needs JavaScript. Downloading does not: "
            "open a link like /archive/hash/.",
            download="Download",
            files=MappingProxyType({"one": "file", "other": "files"}),
            examples_title="Test albums",
            examples_lead="They come with the service: download, interrupt, resume.",
            example="Album",
            links_title="How links are formed",
            link_hash="hash",
            link_all="The whole album.",
            link_name="The name of the downloaded file, up to 150 characters.",
            link_name_value="Holiday",
            link_file="Only the files named.",
            link_manifest="Exact size, number and list of the files, as JSON: "
            "good to show beside the link.",
            snippet_title="A link on your site",
            snippet_lead="In a template of the CMS, where $hash is the name of the directory and "
            "$title that of the album:",
            snippet=_SNIPPET.format("Download all photos"),
            copy="Copy",
            copied="Copied",
            warning="The hash is the password: whoever knows the link gets the album, and nobody "
            "else does. There is no list of albums here.",
        ),
    }
)

_FAILURES_RU = {
    "archive_not_found": FailureWords(
        "Архив не существует или был удалён",
        "Проверьте, что ссылка скопирована целиком, или попросите новую у того, кто её прислал.",
    ),
    "file_not_found": FailureWords(
        "Такого файла нет в альбоме",
        "Возможно, его удалили или переименовали. Откройте страницу альбома и выберите файлы "
        "заново.",
    ),
    "link_not_signed": FailureWords(
        "Ссылка недействительна",
        "Возможно, она скопирована не целиком или изменена. Откройте исходную ссылку или попросите "
        "новую у того, кто её прислал.",
    ),
    "link_expired": FailureWords(
        "Срок действия ссылки истёк",
        "Попросите новую у того, кто её прислал, или откройте страницу альбома на сайте ещё раз.",
    ),
    "bad_name": FailureWords(
        "Не подходит имя файла в ссылке",
        "Параметр name задаётся один раз: от 1 до 150 символов, без косых черт / и \\ "
        "и без управляющих символов.",
    ),
    "bad_file": FailureWords(
        "Не подходит список файлов в ссылке",
        "Каждый параметр file — непустое имя файла из manifest.json.",
    ),
    "bad_query": FailureWords(
        "Не удалось разобрать ссылку",
        "Проверьте часть ссылки после знака вопроса или откройте ссылку без неё.",
    ),
    "precondition_failed": FailureWords(
        "Альбом изменился",
        "Начатую загрузку нельзя продолжить. Удалите недокачанный файл и скачайте архив заново, "
        "без ключей продолжения (-c, -C, --continue).",
    ),
    "range_not_satisfiable": FailureWords(
        "В архиве нет запрошенной части",
        "Возможно, файл уже скачан целиком или альбом изменился. Если архив не открывается, "
        "скачайте его заново.",
    ),
    "in_motion": FailureWords(
        "Альбом ещё загружается",
        "Файлы в нём прямо сейчас меняются. Попробуйте ещё раз через минуту, и архив будет полным.",
    ),
    "too_large": FailureWords(
        "Альбом слишком велик для одного архива",
        "У файла в нём невозможный размер. Сообщите об этом тому, кто дал вам ссылку.",
    ),
    "archived": FailureWords(
        "Альбом убран в архивное хранилище",
        "Его файлы сначала должно вернуть хранилище, это занимает часы. Попросите об этом того, "
        "кто дал вам ссылку.",
    ),
    "expectation_failed": FailureWords(
        "Такого условия сервис не знает",
        "Программа загрузки ждёт чего-то необычного (поле Expect): попробуйте другую.",
    ),
    "unavailable": FailureWords(
        "Архив сейчас недоступен",
        "Это ненадолго: попробуйте ещё раз через минуту.",
    ),
    "slow_disk": FailureWords(
        "Архив пока не готов",
        "Диск, на котором лежат файлы, отвечает слишком долго. Попробуйте ещё раз через минуту.",
    ),
    "busy": FailureWords(
        "Сейчас очень много загрузок",
        "Архив на месте, нужно только немного подождать: попробуйте ещё раз через минуту.",
    ),
    "client_busy": FailureWords(
        "Слишком много загрузок одновременно",
        "Из вашей сети уже скачивается несколько архивов. Дождитесь, пока закончится хотя бы один, "
        "и начните снова.",
    ),
    "client_refused": FailureWords(
        "Слишком много неверных ссылок",
        "Из вашей сети открыли много ссылок, которых нет. Подождите несколько минут и попробуйте "
        "ещё раз по полной ссылке.",
    ),
    "not_found": FailureWords(
        "Такой страницы нет",
        "Проверьте, что ссылка скопирована целиком и без лишних символов.",
    ),
    "method_not_allowed": FailureWords(
        "Так к этому адресу обратиться нельзя",
        "Архивы можно только скачивать: откройте ссылку в браузере или программе загрузки.",
    ),
    "internal": FailureWords(
        "Что-то пошло не так",
        "Ошибка на нашей стороне, мы её записали. Попробуйте ещё раз чуть позже.",
    ),
}
_FAILURES_EN = {
    "archive_not_found": FailureWords(
        "The archive does not exist or has been removed",
        "Check that the link is complete, or ask whoever sent it for a new one.",
    ),
    "file_not_found": FailureWords(
        "The album has no such file",
        "It may have been removed or renamed. Open the page of the album and choose the files "
        "again.",
    ),
    "link_not_signed": FailureWords(
        "This link is not valid",
        "It may be incomplete or changed. Open the original link, or ask whoever sent it for a "
        "new one.",
    ),
    "link_expired": FailureWords(
        "This link has expired",
        "Ask whoever sent it for a new one, or open the page of the album on the site again.",
    ),
    "bad_name": FailureWords(
        "The file name in the link can't be used",
        "The parameter name is given once: 1 to 150 characters, without the slashes / and \\ "
        "and without control characters.",
    ),
    "bad_file": FailureWords(
        "The list of files in the link can't be used",
        "Each parameter file is the name of a file from manifest.json, not empty.",
    ),
    "bad_query": FailureWords(
        "The link can't be understood",
        "Check the part of the link after the question mark, or open the link without it.",
    ),
    "precondition_failed": FailureWords(
        "The album has changed",
        "A download that was begun before can't go on. Delete the incomplete file and download the "
        "archive anew, without the options that resume (-c, -C, --continue).",
    ),
    "range_not_satisfiable": FailureWords(
        "The archive has no such part",
        "The file may be complete already, or the album has changed. If the archive doesn't open, "
        "download it again.",
    ),
    "in_motion": FailureWords(
        "The album is still being uploaded",
        "Its files are changing right now. Try again in a moment, and the archive will be "
        "complete.",
    ),
    "too_large": FailureWords(
        "The album is too large for one archive",
        "A file in it has an impossible size. Please tell the person who gave you the link.",
    ),
    "archived": FailureWords(
        "The album has been put into cold storage",
        "Its files have to be restored first, which takes hours. Ask the person who gave you the "
        "link.",
    ),
    "expectation_failed": FailureWords(
        "The service knows no such condition",
        "The download program expects something unusual (field Expect): try another one.",
    ),
    "unavailable": FailureWords(
        "The archive is not available right now",
        "This won't take long: try again in a moment.",
    ),
    "slow_disk": FailureWords(
        "The archive is not ready yet",
        "The disk that holds its files takes too long to answer. Try again in a minute.",
    ),
    "busy": FailureWords(
        "There are very many downloads right now",
        "The archive is fine, it only takes a little patience: try again in a minute.",
    ),
    "client_busy": FailureWords(
        "Too many downloads at once",
        "Several archives are being downloaded from your network. Wait for one of them to finish, "
        "then start again.",
    ),
    "client_refused": FailureWords(
        "Too many links that lead nowhere",
        "Many links that don't exist were opened from your network. Wait a few minutes, then try "
        "again with the complete link.",
    ),
    "not_found": FailureWords(
        "There is no such page",
        "Check that the link is complete and has nothing added to it.",
    ),
    "method_not_allowed": FailureWords(
        "This address can't be used like that",
        "Archives can only be downloaded: open the link in a browser or a download manager.",
    ),
    "internal": FailureWords(
        "Something went wrong",
        "The fault is ours, and it has been noted. Please try again a little later.",
    ),
}
FAILURES: Mapping[str, Mapping[str, FailureWords]] = MappingProxyType(
    {
        "ru": MappingProxyType({**_FAILURES_RU, **LINK_FAILURES["ru"]}),
        "en": MappingProxyType({**_FAILURES_EN, **LINK_FAILURES["en"]}),
    }
)
