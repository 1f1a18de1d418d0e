"""Errors from reading a file become one ``ValueError`` that names it."""

import zlib

import pytest

from handgrad.files.untrusted import open_untrusted


@pytest.fixture
def path(tmp_path):
    (tmp_path / "file").write_bytes(b"content")
    return tmp_path / "file"


def read(path, error):
    with open_untrusted(path, "is not a number or is damaged") as file:
        assert file.read() == b"content"
        raise error


@pytest.mark.parametrize("error", [ValueError("no digits"), zlib.error("no digits"), OSError("no digits")])
def test_whatever_reading_raises_is_a_value_error_with_the_path_and_the_reason(path, error):
    with pytest.raises(ValueError, match="file is not a number or is damaged: no digits") as caught:
        read(path, error)

    assert str(caught.value).startswith(str(path))
    assert caught.value.__cause__ is error


def test_an_error_without_a_text_gives_its_type(path):
    with pytest.raises(ValueError, match=r"is damaged: EOFError$"):
        read(path, EOFError())


def test_ctrl_c_stays_ctrl_c(path):
    with pytest.raises(KeyboardInterrupt):
        read(path, KeyboardInterrupt())


def test_a_missing_file_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "none", None)


@pytest.mark.parametrize("error", [None, ValueError("no digits")])
def test_the_file_is_closed_in_the_end(path, error):
    try:
        with open_untrusted(path, "is damaged") as file:
            if error:
                raise error
    except ValueError:
        assert error

    assert file.closed
