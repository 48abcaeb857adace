"""A directory of a stranger's: nothing is read or written through links, and what is read is bounded."""

import os
import socket
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

import crl


@pytest.fixture
def folder(tmp_path: Path) -> crl.Folder:
    (tmp_path / "run").mkdir()
    (tmp_path / "outside").write_text("mine")
    return crl.Folder(tmp_path / "run")


def refused(call) -> str:
    with pytest.raises(crl.FileError) as error:
        call()
    return str(error.value)


@pytest.mark.parametrize("act", ["read", "text", "json", "has", "folder", "write", "append"])
def test_no_link_is_followed(folder: crl.Folder, act: str):
    (folder.path / "file").symlink_to("../outside")
    (folder.path / "sub").symlink_to("..")
    for name, link in (("file", "file"), ("sub/outside", "sub")):
        more = ("theirs",) if act in ("write", "append") else ()
        sentence = refused(lambda name=name, more=more: getattr(folder, act)(name, *more))
        assert sentence == f"{folder.path / link} is a link; links in {folder.path} are not followed."
    assert (folder.path.parent / "outside").read_text() == "mine"


@pytest.mark.parametrize("name", ["../outside", "a/../../outside", "/etc/passwd", "x\x1b[2J", "a\\b", "y" * 201])
def test_no_name_leads_out(folder: crl.Folder, name: str):
    assert refused(lambda: folder.read(name)) == f"{name!r} is not the name of a file in {folder.path}."
    assert not crl.is_plain(name)


def test_foreseeable_temporary_names_are_not_used(folder: crl.Folder):
    for name in (".x.json.new", ".x.partial.json", "x.json.new"):
        (folder.path / name).symlink_to("../outside")
    folder.write_json("x.json", {"a": 1})
    assert (folder.path.parent / "outside").read_text() == "mine"
    assert folder.json("x.json") == {"a": 1}
    assert sorted(folder.names()) == [".x.json.new", ".x.partial.json", "x.json", "x.json.new"]


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(folder: crl.Folder, monkeypatch: pytest.MonkeyPatch):
    folder.write("x", "old")

    def fails(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fails)
    with pytest.raises(OSError, match="No space left"):
        folder.write("x", "new")
    assert folder.text("x") == "old" and folder.names() == ["x"]


def test_a_file_that_says_the_same_already_is_left_alone(folder: crl.Folder):
    before = folder.write("x", "same").stat()
    assert folder.write("x", "same").stat() == before
    assert folder.write("x", "gone").stat().st_ino != before.st_ino


def test_new_files_have_the_mode_that_the_umask_leaves(folder: crl.Folder):
    before = os.umask(0o027)
    try:
        assert folder.write("x", "y").stat().st_mode & 0o777 == 0o640
    finally:
        os.umask(before)


def test_a_pipe_is_not_waited_for(folder: crl.Folder):
    os.mkfifo(folder.path / "pipe")
    place = folder.path / "pipe"
    assert refused(lambda: folder.read("pipe")) == f"{place} is not a file."
    assert refused(lambda: folder.append("pipe", "x")) == f"{place} is not a file."


def test_a_second_name_of_a_file_stays_as_it_is(folder: crl.Folder):
    outside = folder.path.parent / "outside"
    for act in (folder.append, folder.write):
        os.link(outside, folder.path / act.__name__)
        act(act.__name__, " and theirs")
    assert outside.read_text() == "mine" and folder.text("append") == "mine and theirs"


def test_a_file_in_the_place_of_a_directory(folder: crl.Folder):
    folder.write("x", "file")
    for name in ("x", "x/y"):
        place = folder.path / name
        said = refused(lambda name=name: folder.folder(name, make=True))
        assert said == f"{place} cannot be made: a file is in its place or above it."


def test_what_is_no_file_is_neither_read_nor_written(folder: crl.Folder, monkeypatch: pytest.MonkeyPatch):
    (folder.path / "directory").mkdir()
    monkeypatch.chdir(folder.path)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")
        for name in ("directory", "socket"):
            for act in (folder.read, lambda name: folder.append(name, "x")):
                assert refused(lambda name=name, act=act: act(name)) == f"{folder.path / name} is not a file."


def test_what_is_read_is_bounded(folder: crl.Folder):
    with open(folder.path / "large", "wb") as file:
        file.truncate(1 << 34)
    large = folder.path / "large"
    assert refused(lambda: folder.json("large")) == f"{large} has 17,179,869,184 bytes; at most 16,777,216 are read."


def test_json_that_is_none_is_told(folder: crl.Folder):
    path = folder.path / "x.json"
    for content, sentence in (
        ("[" * 100_000, f"{path} is no JSON: nested too deep."),
        ('{"a": ' + "9" * 5_000 + "}", f"{path} is no JSON: Exceeds the limit (4300 digits) for integer string "),
        ("[1]", f"{path} holds no JSON object of names and values."),
        ("{", f"{path} is no JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)."),
    ):
        path.write_text(content)
        assert refused(lambda: folder.json("x.json")).startswith(sentence)
    path.write_bytes(b'\xef\xbb\xbf{"a": 1e400, "b": NaN, "c": [1.5, -Infinity]}')
    assert folder.json("x.json") == {"a": None, "b": None, "c": [1.5, None]}
    path.write_bytes("é".encode("latin-1"))
    assert refused(lambda: folder.json("x.json")) == f"{path} is not UTF-8 text (byte 0)."


def test_numbers_of_numpy_and_jax_become_json():
    content = {
        "a": np.float32(0.5),
        "b": jnp.int32(3),
        "c": np.array([1.0, np.nan]),
        "d": float("inf"),
        "e": (True, None),
    }
    assert crl.to_json(content) == '{"a": 0.5, "b": 3, "c": [1.0, null], "d": null, "e": [true, null]}'


def test_a_directory_for_a_library_holds_files_alone(folder: crl.Folder):
    (folder.path / "d").mkdir()
    (folder.path / "d" / "x").write_bytes(b"1234")
    folder.refuse_links(files=2, size=4)
    limits = f"{folder.path} holds more than 1 files or 4 bytes."
    assert refused(lambda: folder.refuse_links(files=1, size=4)) == limits
    (folder.path / "d" / "link").symlink_to("x")
    link = folder.path / "d" / "link"
    assert refused(lambda: folder.refuse_links(files=9, size=9)) == f"{link} is a link, which no checkpoint holds."
