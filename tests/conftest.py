"""How hard Hypothesis looks: HYPOTHESIS_PROFILE=dev, ci, nightly or mutants (default: ci where CI is set, else dev)."""

import os
import signal
from pathlib import Path

# before NumPy and JAX are imported, here and in the workers: threads of their own would fight over the cores
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")
# what one process has compiled, the others need not, nor the next run
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(Path(__file__).parents[1] / ".pytest_cache" / "jax"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.2")

from hypothesis import HealthCheck, Phase, settings

# where the tests run in the background of a script, Ctrl-C is ignored, and would be in all that they begin
signal.signal(signal.SIGINT, signal.default_int_handler)

common = {
    "deadline": None,  # the first problem of a shape compiles
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.differing_executors],
}
settings.register_profile("dev", max_examples=60, **common)
# Hypothesis's own ci profile repeats the same examples in every run; this one keeps looking
settings.register_profile("ci", max_examples=60, derandomize=False, print_blob=True, **common)
settings.register_profile("nightly", max_examples=5000, derandomize=False, print_blob=True, **common)
# for mutation testing: that a test fails is enough
settings.register_profile("mutants", max_examples=60, phases=[Phase.generate], database=None, **common)
# for the rules and networks of the guide, on a copy: the properties themselves are tested on handgrad's own
settings.register_profile("guide", max_examples=12, **common)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "dev"))


def pytest_configure(config):
    # what another process writes at this moment is compiled once more
    config.addinivalue_line("filterwarnings", "ignore:Error (reading|writing) persistent compilation cache:UserWarning")
