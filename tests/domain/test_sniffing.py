"""Whether bytes may be of the type that their sender announced (mission 3.5)."""

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile

import pytest

from domain import sniffing


def zipped(*names: str, mimetype: str = "") -> bytes:
    into = io.BytesIO()
    with zipfile.ZipFile(into, "w", zipfile.ZIP_DEFLATED) as archive:
        if mimetype:
            archive.writestr("mimetype", mimetype, zipfile.ZIP_STORED)
        for name in names:
            archive.writestr(name, "<something/>" * 40)
    return into.getvalue()


def tarred() -> bytes:
    into = io.BytesIO()
    with tarfile.open(fileobj=into, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("empty"))
    return into.getvalue()


WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
EXCEL = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
WRITER = "application/vnd.oasis.opendocument.text"
PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(40)
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01" + bytes(40)
GIF = b"GIF89a" + bytes(40)
WEBP = b"RIFF\x24\x00\x00\x00WEBPVP8 " + bytes(40)
PDF = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n"
WINDOWS = b"MZ\x90\x00\x03\x00\x00\x00\x04\x00\x00\x00\xff\xff" + bytes(90)
LINUX = b"\x7fELF\x02\x01\x01" + bytes(90)
DOCX = zipped("[Content_Types].xml", "_rels/.rels", "word/document.xml")
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)
MP4 = b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2avc1mp41" + bytes(20)
DASH = b"\x00\x00\x00\x18ftypdash\x00\x00\x00\x00iso6mp41" + bytes(20)
AVIF = b"\x00\x00\x00\x1cftypavif\x00\x00\x00\x00avifmif1" + bytes(20)
HEIC = b"\x00\x00\x00\x18ftypmif1\x00\x00\x00\x00mif1heic" + bytes(20)
MOV = b"\x00\x00\x00\x14ftypqt  \x00\x00\x02\x00qt  " + bytes(20)
WEBM = b"\x1aE\xdf\xa3\x9fB\x86\x81\x01B\xf7\x81\x01B\xf2\x81\x04B\xf3\x81\x08B\x82\x84webm" + bytes(20)
WAV = b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(40)
HTML = b"<!DOCTYPE html><html><script>alert(1)</script></html>"

GOOD = [
    ("image/png", PNG),
    ("image/jpeg", JPEG),
    ("image/jpg", JPEG),
    ("image/gif", GIF),
    ("image/webp", WEBP),
    ("image/svg+xml", b'<svg xmlns="http://www.w3.org/2000/svg"/>'),
    ("image/bmp", b"BM" + bytes(60)),
    ("image/tiff", b"II*\x00\x08\x00\x00\x00" + bytes(40)),
    ("image/heic", HEIC),
    ("image/avif", AVIF),
    ("image/vnd.adobe.photoshop", b"8BPS\x00\x01" + bytes(40)),
    ("image/x-icon", b"\x00\x00\x01\x00\x01\x00" + bytes(40)),
    ("application/pdf", PDF),
    ("application/illustrator", PDF),
    ("application/postscript", b"%!PS-Adobe-3.0"),
    ("application/rtf", b"{\\rtf1\\ansi"),
    ("text/rtf", b"{\\rtf1\\ansi"),
    (WORD, DOCX),
    (EXCEL, zipped("[Content_Types].xml", "_rels/.rels", "xl/workbook.xml")),
    (WORD, OLE),
    (WRITER, zipped("content.xml", mimetype=WRITER)),
    ("application/vnd.ms-excel.sheet.macroenabled.12", zipped("[Content_Types].xml", "xl/workbook.xml")),
    ("application/msword", OLE),
    ("application/vnd.ms-excel", OLE),
    ("application/vnd.ms-outlook", OLE),
    ("application/epub+zip", zipped("META-INF/container.xml", mimetype="application/epub+zip")),
    ("application/zip", zipped("a.txt")),
    ("application/x-zip-compressed", zipped("a.txt")),
    ("application/zip", zipped()),
    ("application/gzip", gzip.compress(b"something")),
    ("application/x-gzip", gzip.compress(b"something")),
    ("application/x-tar", tarred()),
    ("application/x-bzip2", bz2.compress(b"something")),
    ("application/x-xz", lzma.compress(b"something")),
    ("application/x-7z-compressed", b"7z\xbc\xaf'\x1c" + bytes(40)),
    ("application/vnd.rar", b"Rar!\x1a\x07\x01\x00" + bytes(40)),
    ("application/x-msdownload", WINDOWS),
    ("video/mp4", MP4),
    ("video/mp4", DASH),
    ("audio/mp4", b"\x00\x00\x00\x20ftypM4A \x00\x00\x00\x00M4A mp42" + bytes(20)),
    ("video/quicktime", MOV),
    ("video/webm", WEBM),
    ("audio/webm", WEBM),
    ("audio/mpeg", b"ID3\x03\x00\x00" + bytes(40)),
    ("audio/mpeg", b"\xff\xfb\x90\x64" + bytes(40)),
    ("audio/wav", WAV),
    ("audio/vnd.wave", WAV),
    ("audio/ogg", b"OggS\x00\x02" + bytes(40)),
    ("audio/flac", b"fLaC\x00\x00\x00\x22" + bytes(40)),
    ("font/woff2", b"wOF2\x00\x01\x00\x00" + bytes(40)),
    ("text/plain", b"Hello.\n"),
    ("text/plain; charset=utf-8", "Grüße\n".encode()),
    ("text/plain", "Grüße\r\n".encode("latin-1")),
    ("text/csv", "Name;Größe\r\n".encode("cp1252")),
    ("text/csv", "a,b\n".encode("utf-16")),
    ("text/plain", b"BMW, Audi\nMZ, PK\n"),
    ("text/html", HTML),
    ("application/json", b'{"a": 1}'),
    ("application/xml", b'<?xml version="1.0"?><a/>'),
    ("application/ld+json", b"{}"),
    ("application/octet-stream", PNG),
    ("application/octet-stream", WINDOWS),
    ("application/vnd.figma", zipped("canvas.fig")),
    ("application/x-something", b"\x01\x02\x03\x04"),
    ("application/x-x509-ca-cert", b"-----BEGIN CERTIFICATE-----\n"),
]
MISLABELLED = [
    ("image/png", JPEG),
    ("image/png", b"a picture"),
    ("image/png", HTML),
    ("image/jpeg", PNG),
    ("image/jpeg", b"\x00" * 100),
    ("image/gif", WEBP),
    ("image/webp", WAV),
    ("application/pdf", PNG),
    ("application/pdf", HTML),
    ("application/pdf", WINDOWS),
    ("application/pdf", b" "),
    (WORD, PDF),
    (WORD, WINDOWS),
    (WORD, b"Dear Sir\n"),
    ("application/msword", zipped("a.exe")),
    ("application/zip", WINDOWS),
    ("application/zip", gzip.compress(b"x")),
    ("application/gzip", zipped("a")),
    ("video/mp4", WEBM),
    ("video/mp4", WINDOWS),
    ("audio/mpeg", MP4),
    ("text/plain", PNG),
    ("text/plain", WINDOWS),
    ("text/csv", DOCX),
    ("text/html", LINUX),
    ("application/json", b'{"a": "\x00"}'),
    ("image/svg+xml", gzip.compress(b"<svg/>")),
    ("application/x-something", WINDOWS),
    ("application/x-something", PNG),
    ("application/vnd.figma", PDF),
]


@pytest.mark.parametrize(("announced", "beginning"), GOOD)
def test_3_5_what_shows_what_was_announced_or_nothing_else_may_be_that(announced: str, beginning: bytes) -> None:
    assert sniffing.is_as_announced(announced, beginning[: sniffing.BEGINNING])


@pytest.mark.parametrize(("announced", "beginning"), MISLABELLED)
def test_3_5_what_shows_something_else_is_not_what_was_announced(announced: str, beginning: bytes) -> None:
    assert not sniffing.is_as_announced(announced, beginning[: sniffing.BEGINNING])


def test_a_media_type_is_kept_in_lower_case_without_what_is_around_it() -> None:
    assert sniffing.media_type(" Text/Plain; Charset=UTF-8 ") == "text/plain; charset=utf-8"
    assert sniffing.media_type(WORD) == WORD


@pytest.mark.parametrize(
    "given", ["", "text", "text/", "/plain", "text/plain/x", "text/pl ain", "text/plain;", "a/b\r\nx: y", "text/plän"]
)
def test_what_is_no_media_type_is_none(given: str) -> None:
    assert sniffing.media_type(given) is None
