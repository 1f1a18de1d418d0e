"""Golden vectors: complete, valid by their schema and sums, and read by a C program, correct or not."""

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from handgrad import two_layer
from oracle.__main__ import main
from oracle.measurements import golden_vectors

PROGRAM = Path(__file__).parent / "check_two_layer.c"
CC = shutil.which(os.environ.get("CC", "cc"))


@pytest.fixture(scope="module")
def golden(tmp_path_factory):
    out = tmp_path_factory.mktemp("vectors") / "golden"
    assert main(["vectors", str(out), "--network", "two_layer", "--count", "20"]) == 0
    return out


def test_every_problem_keeps_to_the_schema(golden):
    schema = json.loads((golden / "schema.json").read_text())
    problems = sorted(golden.glob("[0-9]*.json"))

    assert schema == golden_vectors.SCHEMA
    assert len(problems) == 20
    for problem in problems:
        jsonschema.validate(json.loads(problem.read_text()), schema)


def test_sums_are_those_of_the_files(golden):
    listed = dict(line.split("  ")[::-1] for line in (golden / "SHA256SUMS").read_text().splitlines())

    assert listed.keys() == {f.name for f in golden.iterdir()} - {"SHA256SUMS"}
    for name, digest in listed.items():
        assert hashlib.sha256((golden / name).read_bytes()).hexdigest() == digest


def test_both_files_of_a_problem_have_the_same_numbers_and_handgrad_meets_them(golden):
    for file in golden.glob("*.npz"):
        with np.load(file, allow_pickle=False) as arrays:
            record = json.loads(file.with_suffix(".json").read_text())
            params = {name: arrays[name] for name in ("W1", "b1", "W2", "b2")}
            for name, p in params.items():
                data = [float.fromhex(x) for x in record["params"][name]["data"]]
                np.testing.assert_array_equal(np.reshape(data, record["params"][name]["shape"]), p)
            loss, grads = two_layer.loss_and_grad(params, arrays["X"], arrays["y"], float(arrays["reg"]))

            assert float.fromhex(record["loss"]) == arrays["loss"]
            assert abs(loss - arrays["loss"]) <= arrays["loss_bound"]
            for name, g in grads.items():
                assert np.all(np.abs(g - arrays[f"d{name}"]) <= arrays[f"bound_d{name}"])


@pytest.mark.skipif(CC is None, reason="there is no C compiler")
@pytest.mark.parametrize(("flags", "status"), [([], 0), (["-DMEAN_MISSING"], 1)], ids=["right", "the mean missing"])
def test_a_program_in_c_is_found_right_or_wrong(golden, tmp_path, flags, status):
    program = tmp_path / "check"
    warnings = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-O2"]
    subprocess.run([CC, *warnings, *flags, PROGRAM, "-lm", "-o", program], check=True)

    result = subprocess.run([program, *sorted(golden.glob("[0-9]*.json"))], capture_output=True, text=True)

    assert result.returncode == status, result.stdout
    assert ("dW" in result.stdout) == (status == 1)


def test_an_interrupted_run_leaves_nothing(tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(golden_vectors, "_write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        golden_vectors.write(tmp_path / "out", count=3)

    assert not [*tmp_path.iterdir()]
