"""The messages of the error pages, by language."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from archive_service.web.pages.link_messages import LINK_FAILURES, FailureWords

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
    "too_many_fields": FailureWords(
        "В запросе слишком много полей",
        "Ссылка в порядке, но программа или посредник по дороге шлёт больше 128 полей заголовка. "
        "Попробуйте другой браузер или другую сеть.",
    ),
    "bad_request": FailureWords(
        "Запрос составлен не по правилам HTTP",
        "Ссылка, скорее всего, в порядке. Попробуйте другую программу или откройте ссылку в "
        "браузере.",
    ),
    "unpackable": FailureWords(
        "Этот альбом нельзя упаковать",
        "Папки в нём вложены слишком глубоко, имена слишком длинные или слишком много "
        "символических ссылок. Сообщите об этом тому, кто дал вам ссылку.",
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
    "too_many_fields": FailureWords(
        "The request has too many fields",
        "The link is all right, but the program, or a proxy on the way, sends more than 128 header "
        "fields. Try another browser or another network.",
    ),
    "bad_request": FailureWords(
        "The request breaks the rules of HTTP",
        "The link is probably all right. Try another program, or open the link in a browser.",
    ),
    "unpackable": FailureWords(
        "This album can't be packed",
        "Its folders are nested too deep, its names are too long, or it has too many symbolic "
        "links. Tell whoever gave you the link.",
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
