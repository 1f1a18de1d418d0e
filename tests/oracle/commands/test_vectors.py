"""``python -m oracle vectors``: its options reach the files, and a wrong call leaves all as it was."""

import json

import pytest

from oracle.__main__ import main


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_vectors_of_an_mlp_say_its_activations_and_dtype(tmp_path, dtype):
    arguments = ["--network", "mlp", "--activation", "tanh", "gelu", "--count", "2", "--dtype", dtype]
    assert main(["vectors", str(tmp_path / "out"), *arguments]) == 0

    record = json.loads((tmp_path / "out" / "000.json").read_text())

    assert record["activation"] == ["tanh", "gelu"]
    assert record["dtype"] == dtype


def test_a_folder_that_exists_is_left_alone(tmp_path, capsys):
    (tmp_path / "mine").write_text("mine")

    assert main(["vectors", str(tmp_path), "--count", "1"]) == 2

    assert "must be the name of a new folder, got one that exists" in capsys.readouterr().err
    assert [f.name for f in tmp_path.iterdir()] == ["mine"]


def test_an_mlp_without_activations_is_refused(tmp_path, capsys):
    assert main(["vectors", str(tmp_path / "out"), "--network", "mlp"]) == 2
    assert "activation must name the hidden activations of an mlp" in capsys.readouterr().err
