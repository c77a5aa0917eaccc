"""A planted bug applies, and to one place alone."""

import numpy as np
import pytest

from support.planting import copy_of


def test_a_change_that_does_not_apply_is_an_error():
    with pytest.raises(AssertionError, match="occurs 0 times"):
        copy_of("ultralif_deploy.program.fixed", ("no such text", ""))
    assert np.array_equal(copy_of("ultralif_deploy.program.fixed").leak(5, 0, 12), 5)
