"""`python -m serinus.predictor`."""

import os

# One thread per prediction: OpenMP and BLAS teams that spin for one row starve the other predictors of the machine.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

from serinus.predictor.main import main  # noqa: E402

main()
