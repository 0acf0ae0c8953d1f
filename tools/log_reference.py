"""Write the reference of log lines in docs/operations.md and its Russian twin.

The rows are made from the event classes and the lines of the log; the Russian texts are here.
Run it from a checkout: `poetry run python tools/log_reference.py`.
"""

from __future__ import annotations

import inspect
import logging
import sys
from collections.abc import Mapping
from pathlib import Path

from archive_service.observe.events import Event
from archive_service.observe.log import LINES, Line

DOCS = Path(__file__).resolve().parent.parent / "docs"
DOCUMENTS = {"en": DOCS / "operations.md", "ru": DOCS / "operations.ru.md"}
BEGIN = "<!-- made by tools/log_reference.py -->"
END = "<!-- end of what tools/log_reference.py made -->"
_TO_DO = "To do: "
_HEADS = {
    "en": ("event", "level", "fields", "meaning", "what to do"),
    "ru": ("событие", "уровень", "поля", "смысл", "что делать"),
}
_NOTHING = {"en": "nothing", "ru": "ничего"}
_SEE_REASONS = "см. причины ниже"
_REPORT = "сообщите о ней, приложив строку"
RUSSIAN: Mapping[str, tuple[str, str]] = {
    "server.signing": (
        "при запуске: подписаны ли ссылки (`state`)",
        "если должны быть подписаны, а не подписаны: задайте `SIGNING_KEYS`",
    ),
    "server.started": (
        "соединения принимаются на порту `port`; `url` — что открыть на этой машине",
        "",
    ),
    "server.stopping": (
        "пришёл SIGTERM, SIGINT или SIGHUP (`signal`); у идущих загрузок есть `wait_s` секунд",
        "ничего; второй сигнал завершает сервис сразу",
    ),
    "server.stopped": ("сервис завершился", ""),
    "download.started": (
        "отправлены поля ответа с байтами архива; он начинается с байта 0",
        "",
    ),
    "download.resumed": (
        "отправлены поля ответа; он начинается с более позднего байта `first_pos`",
        "",
    ),
    "download.piece": ("соединение приняло ещё `count` байт, всего `sent_bytes`", ""),
    "download.finished": ("соединение приняло последний байт", ""),
    "download.interrupted": (
        "загрузка оборвана; info, если причина в клиенте, иначе warning",
        _SEE_REASONS,
    ),
    "link.refused": (
        (
            "403 или 410: ссылка не подписана (`not signed`) ключом из `SIGNING_KEYS` или её срок "
            "истёк (`expired`)"
        ),
        "если ссылка ваша: у сайта и сервиса разные ключи или часы",
    ),
    "archive.missing": (
        "404: по ссылке ничего нет; `archive=malformed`, если альбом и не может так называться",
        "ничего; если их много и неизвестно откуда, кто-то подбирает ссылки, см. `MISS_LIMIT`",
    ),
    "archive.in_motion": (
        "503: альбом менялся все `SETTLE_WAIT` секунд",
        "во время загрузки по FTP ничего; если это не кончается, альбом меняет какая-то программа",
    ),
    "archive.awaited": ("запрос ждёт альбом, который только что менялся", ""),
    "archive.upload_awaited": (
        (
            "запрос ждёт альбома, в котором ничего не меняется, но один файл явно не целый: "
            "`open for writing` — открыт на запись, `zeros` — нули в начале и в конце, `holes` — "
            "есть незаписанные места, `changed` — уже не тот, что в списке"
        ),
        "",
    ),
    "archive.open_file_ignored": (
        (
            "файл открыт на запись, но не меняется 5 минут, и альбом всё же отдаётся; одна строка "
            "на альбом"
        ),
        "если часто: посмотрите, какая программа не закрывает оборванные загрузки (`lsof +D`)",
    ),
    "archive.described": (
        "альбом просмотрен и размечен; время вместе с ожиданием, пока он не перестанет меняться",
        "",
    ),
    "link.skipped": (
        (
            "символическая ссылка пропущена; о каждой пишется один раз; `reason` — `outside`, "
            "`broken`, `loop`, `excluded`, `nested`, `no file` или `never`"
        ),
        "`find PHOTOS_DIR -inum INODE` покажет ссылку",
    ),
    "object.skipped": (
        (
            "объекты альбома пропущены; об альбоме пишется один раз; их ключи не в UTF-8 "
            "(`not UTF-8`), и ни один клиент не может их запросить"
        ),
        "загрузить их под другими ключами",
    ),
    "list.rejected": (
        (
            "404: список нельзя использовать; для списка, причины и записи пишется один раз. "
            "Причина — `broken` (не JSON или не та схема), `outside` (путь вне альбомов), "
            "`missing` (нет файла), `too large` (`LIST_SIZE`) или `no file`; `entry` — номер "
            "записи в `files`, считая с 0"
        ),
        "`archive-service list show HASH` скажет, что не так",
    ),
    "list.shadowed": (
        "список назван так же, как альбом; отдаётся альбом",
        "дать списку или каталогу другое имя",
    ),
    "request.refused": (
        (
            "429 или 503: достигнут предел; первый раз пишется сразу, число остальных раз в "
            "минуту; `reason` — `busy` (`MAX_DOWNLOADS`), `client busy` "
            "(`MAX_DOWNLOADS_PER_CLIENT`) или `guessing` (`MISS_LIMIT`)"
        ),
        "поднять предел, если это посетители",
    ),
    "answer.slowed": (
        "ответ 404 или 412 задержан: клиент получает их много; пишется как `request.refused`",
        (
            "ничего; если `TRUSTED_PROXIES` не задан, задайте его, чтобы отличать того, кто "
            "подбирает, от остальных"
        ),
    ),
    "answer.failed": (
        (
            "500 или 503: ответить не удалось, и не по вине клиента; `reason` — имя ошибки или "
            "короткая фраза; первый раз для альбома и причины пишется сразу, число остальных "
            "раз в минуту"
        ),
        _SEE_REASONS,
    ),
    "lists.lost": (
        ("при запуске `LISTS_DIR` не читается; ссылки на списки отвечают 503, пока он не прочитан"),
        ("создать или смонтировать его или дать право читать; о хранилище см. причины ниже"),
    ),
    "albums.lost": (
        (
            "`PHOTOS_DIR` не читается или пуст (`empty`), хотя альбомы в индексе есть; `/readyz` "
            "отвечает 503, каталог проверяется каждые 5 секунд"
        ),
        "смонтировать его; о пустом см. причины ниже",
    ),
    "albums.found": ("`PHOTOS_DIR` снова читается или прочитан впервые", ""),
    "disk.hanging": (
        (
            "диск не отвечает 10 секунд; пишется один раз, пока он не ответит; скачивания с него "
            "ждут, остальные идут; диска с `CACHE_DIR` не ждёт никто, но вычисленное тем временем "
            "пропадёт при перезапуске"
        ),
        "проверить точку монтирования и сервер или программу за ней",
    ),
    "disk.answering": ("диск, который не отвечал, снова отвечает", ""),
    "index_ahead.watching": ("ядро сообщает об изменениях в каталогах всех альбомов", ""),
    "index_ahead.scanning": (
        (
            "все альбомы просматриваются по очереди; warning с причиной `reason`, если наблюдать "
            "за ними нельзя"
        ),
        _SEE_REASONS,
    ),
    "index_ahead.waiting": ("`PHOTOS_DIR` не читается; его ищут каждые 5 секунд", "смонтировать"),
    "index_ahead.overflown": (
        "очередь ядра переполнилась, часть изменений потеряна; просматриваются все альбомы",
        "ничего; если часто, увеличить `fs.inotify.max_queued_events`",
    ),
    "index_ahead.indexed": (
        "индекс знает в альбоме всё, что читается; для этого хешировано `files` файлов",
        "",
    ),
    "index_ahead.failed": (
        "наша ошибка: индексирование заранее начнётся снова через минуту, скачивания продолжаются",
        _REPORT,
    ),
    "index_ahead.album_failed": (
        (
            "наша ошибка: один альбом не удаётся проиндексировать заранее, остальные "
            "индексируются; об альбоме пишется один раз"
        ),
        _REPORT,
    ),
    "index.tidying_failed": (
        "наша ошибка: индекс не удалось прибрать; попытка повторяется каждый час",
        _REPORT,
    ),
    "index.impaired": (
        "индексом контрольных сумм нельзя пользоваться, скачивания продолжаются без него",
        (
            "дать право писать в `CACHE_DIR` или освободить диск; испорченный файл заменяется сам; "
            "для общего индекса причины ниже"
        ),
    ),
    "index.restored": (
        "общим индексом снова можно пользоваться; накопленные суммы записаны в него",
        "",
    ),
    "tracing.impaired": (
        (
            "спаны не доходят до коллектора, или неверна переменная OpenTelemetry; `reason` — на "
            "что жалуется библиотека, о каждом раз в час, `count` — сколько раз это было"
        ),
        "посмотреть на коллектор, на `OTEL_EXPORTER_OTLP_ENDPOINT` и `OTEL_EXPORTER_OTLP_HEADERS`",
    ),
    "log.lines_lost": (
        (
            "столько строк не записано: их никто не читал из стандартного потока ошибок; "
            "скачивания при этом продолжаются"
        ),
        "проверьте, что читает журнал: драйвер журналов контейнера, journald и его диск",
    ),
    "observer.failed": (
        (
            "наша ошибка: журнал, метрики или трассировка (`observer`) пропустили событие; о "
            "каждой ошибке пишется один раз, скачивания продолжаются"
        ),
        _REPORT,
    ),
    "connection.not_taken": (
        (
            "соединения ждут в очереди ядра; первый раз пишется сразу, число остальных раз в "
            "минуту; остались только дескрипторы, отложенные для идущих загрузок (`reserve`), или "
            "система не дала дескриптора (`EMFILE`, `ENFILE`) или памяти"
        ),
        (
            "увеличить `LimitNOFILE` (`ulimit -n`); если клиенты только держат соединения, "
            "ограничить их на веб-сервере перед сервисом"
        ),
    ),
    "worker.replaced": ("место завершившегося процесса занял другой", ""),
    "worker.failed": ("процесс завершился из-за нашей ошибки, место — `raised_at`", _REPORT),
    "worker.died": (
        (
            "процесс завершился с кодом `status` или по сигналу `signal`, его заменят через "
            "`next_in_s` секунд; с `error` его не удалось запустить"
        ),
        "`signal=SIGKILL` чаще всего значит нехватку памяти; иначе см. строки перед этой",
    ),
}
"""Meaning and what to do, "" for nothing, by the name of the line."""


def log_reference(language: str) -> str:
    """Return the table of log lines, in "en" or "ru"."""
    heads = _HEADS[language]
    rows = [heads, ["---"] * len(heads)]
    rows += [_row(event_class, line, language) for event_class, line in LINES.items()]
    return "".join(f"|{'|'.join(map(_cell, row))}|\n" for row in rows)


def with_reference(document: str, language: str) -> str:
    """Return a document with a new table of log lines."""
    before, _, rest = document.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{log_reference(language)}\n{END}{after}"


def _row(event_class: type[Event], line: Line, language: str) -> list[str]:
    meaning, to_do = _english(event_class) if language == "en" else RUSSIAN[line.name]
    return [
        f"`{line.name}`",
        ", ".join(logging.getLevelName(level).lower() for level in line.levels()),
        ", ".join(f"`{name}`" for name in line.field_names(event_class)),
        meaning,
        to_do or _NOTHING[language],
    ]


def _cell(text: str) -> str:
    return f" {text} " if text else " "


def _english(event_class: type[Event]) -> tuple[str, str]:
    paragraphs = [" ".join(each.split()) for each in inspect.getdoc(event_class).split("\n\n")]
    to_do = [each.removeprefix(_TO_DO) for each in paragraphs if each.startswith(_TO_DO)]
    meaning = [each for each in paragraphs if not each.startswith(_TO_DO)]
    return " ".join(meaning), "".join(to_do).rstrip(".")


if __name__ == "__main__":
    if missing := [line.name for line in LINES.values() if line.name not in RUSSIAN]:
        sys.exit(f"no Russian text here: {', '.join(missing)}")
    for language, path in DOCUMENTS.items():
        text = path.read_text(encoding="utf-8")
        path.write_text(with_reference(text, language), encoding="utf-8")
