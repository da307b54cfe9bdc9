"""Flights of 2013: features, a model, serving, and the proof that both sides agree."""

import os

# scikit-learn's threads wait for each other by spinning, which costs minutes where other programs want the
# processors too. It has to be said before they are loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
