"""What every test of the matrix may ask for."""

from tests.matrix.stage import stage as stage
