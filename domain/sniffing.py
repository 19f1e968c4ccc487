"""What bytes are, as far as they show it: whether a file is of the type that its sender announced."""

import re
from typing import Final

import filetype

# How many of the first bytes tell it.
BEGINNING: Final = 8192

_WORD: Final = r"[a-z0-9!#$&^_.+-]{1,127}"
_MEDIA_TYPE: Final = re.compile(rf"{_WORD}/{_WORD}(\s*;\s*{_WORD}=({_WORD}|\"[\w .:/+-]{{0,127}}\"))*", re.ASCII)
_ANYTHING: Final = "application/octet-stream"
_TEXT: Final = re.compile(
    r"text/.+|.+\+(json|xml|yaml)|application/(x-)?(json|ld-json|ndjson|xml|xml-dtd|javascript|ecmascript|typescript|yaml"
    r"|toml|sql|graphql|sh|csv|tex|latex|httpd-php|pem-file|pkcs8|subrip)"
)
# Bytes that no text holds, but in UTF-16, which begins with a mark (WHATWG MIME Sniffing, 7.2 and 7.3).
_BINARY: Final = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")
_UTF16: Final = (b"\xfe\xff", b"\xff\xfe")

# TABLE: types whose bytes begin alike: containers of many things, and the names that one thing has.
_ALIKE: Final = (
    re.compile(
        r"application/(x-)?(zip(-compressed)?|epub\+zip|java-archive|vnd\.openxmlformats-officedocument\..+"
        r"|vnd\.oasis\.opendocument\..+|vnd\.ms-(word|excel|powerpoint)\..+\.macroenabled\.12|vnd\.android\.package-archive"
        r"|vnd\.ms-visio\..+|vnd\.sketchup\.skp)|.+\+zip|model/3mf"
    ),
    # Office's own container, in which newer documents are, too, once they have a password.
    re.compile(
        r"application/(msword|vnd\.ms-(excel|powerpoint|project|outlook|works)|vnd\.visio|x-(msi|ole-storage)"
        r"|vnd\.openxmlformats-officedocument\..+|vnd\.ms-(word|excel|powerpoint)\..+\.macroenabled\.12)"
    ),
    re.compile(r"application/(x-)?(pdf|postscript|illustrator)|image/x-eps"),
    re.compile(r"application/rtf|text/(rtf|richtext)"),
    re.compile(r"application/(x-)?(gzip|gzip-compressed|tgz|compressed-tar|gtar-compressed)|image/svg\+xml-compressed"),
    re.compile(r"application/(x-)?bzip2?|application/x-bzip-compressed-tar"),
    re.compile(r"application/(x-|vnd\.)?rar(-compressed)?"),
    re.compile(r"application/(x-)?(tar|gtar)"),
    re.compile(r"application/(x-)?7z(-compressed)?"),
    re.compile(
        r"application/(x-)?(msdownload|dosexec|msdos-program|exe|executable|vnd\.microsoft\.portable-executable)"
    ),
    re.compile(r"application/(x-|vnd\.)?sqlite3"),
    re.compile(r"image/(jpe?g|pjpeg|jfif)"),
    re.compile(r"image/(vnd\.mozilla\.)?(png|apng|x-png)"),
    re.compile(r"image/(x-)?(ms-)?bmp"),
    re.compile(r"image/(tiff?|tiff-fx|dng|x-(adobe-dng|canon-cr2|nikon-nef|sony-arw|pentax-pef))"),
    re.compile(r"image/(x-icon|vnd\.microsoft\.icon|ico)"),
    re.compile(r"(image|application)/(x-|vnd\.adobe\.)?photoshop"),
    re.compile(r"image/(x-|vnd\.)?dwg|application/(x-)?(acad|autocad|dwg)"),
    re.compile(r"(audio|video)/(mp4|x-m4[av]|m4[av]|quicktime|3gpp2?)|image/(heic|heif|avif)(-sequence)?"),
    re.compile(r"(audio|video)/(webm|(x-)?matroska)"),
    re.compile(r"(audio|video|application)/(ogg|opus|x-ogg)"),
    re.compile(r"audio/(mpeg|mp3|x-mp3|mpeg3)"),
    re.compile(r"audio/(x-|vnd\.)?wave?|audio/x-pn-wav"),
    re.compile(r"audio/(x-)?flac"),
    re.compile(r"audio/(x-)?aiff"),
    re.compile(r"audio/(x-)?midi?"),
    re.compile(r"video/(x-|vnd\.)?(ms)?(avi|video)"),
    re.compile(r"video/(x-ms-(wmv|asf)|ms-asf)|audio/x-ms-wma"),
    re.compile(r"(font|application)/(x-)?(font-)?(sfnt|ttf|otf|truetype|opentype|woff2?)"),
)
# TABLE: what the library knows too little of: where something stands, what it is, and one of the types that it shows.
_BESIDES: Final = (
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),
    (4, b"ftyp", "video/mp4"),
)
# What a type of which nobody knows how it begins may be made of.
_WRAPPERS: Final = frozenset(
    {"application/zip", "application/gzip", "application/x-ole-storage", "application/x-sqlite3"}
)


def media_type(given: str) -> str | None:
    """Return a media type as it is kept, in lower case; null for what is none (RFC 9110, 8.3.1)."""
    kept = given.strip().lower()
    return kept if _MEDIA_TYPE.fullmatch(kept) else None


def is_as_announced(content_type: str, beginning: bytes) -> bool:
    """Tell whether bytes that begin so may be of an announced type.

    Text is whatever holds no byte that no text holds. Of a type that is known by its first bytes they must show that,
    or one that begins alike. Of any other they must not show another, but for what much is wrapped in.
    """
    announced = content_type.partition(";")[0].strip()
    if announced == _ANYTHING:
        return True
    if _TEXT.fullmatch(announced):
        return _is_text(beginning)
    shown = _shown(beginning)
    if shown is not None and _are_alike(announced, shown):
        return True
    return not _is_known(announced) and (shown is None or shown in _WRAPPERS)


def _is_text(beginning: bytes) -> bool:
    return beginning.startswith(_UTF16) or _BINARY.search(beginning) is None


def _shown(beginning: bytes) -> str | None:
    for place, mark, shown in _BESIDES:
        if beginning.startswith(mark, place):
            return shown
    found: str | None = filetype.guess_mime(beginning)
    return found


def _are_alike(one: str, other: str) -> bool:
    return one == other or any(kind.fullmatch(one) and kind.fullmatch(other) for kind in _ALIKE)


def _is_known(announced: str) -> bool:
    return filetype.is_mime_supported(announced) or any(kind.fullmatch(announced) for kind in _ALIKE)
